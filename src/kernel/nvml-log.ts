/** XIDs as NVIDIA's driver writes them into the kernel log, in the forms it has had since the 300s. */
import { normalPci } from "./nvml-records.ts";

export interface LoggedXid {
  /** `0000:00:06.0` */
  pci: string;
  code: number;
  /** Of the process whose channel it was; as the kernel's first pid namespace has it. */
  pid?: number;
  /** That process's name, or its thread's. */
  name?: string;
  /** Of MIG. */
  gpuInstance?: number;
  /** What follows, without the process. */
  rest: string;
}

/** What every such line has in it. */
export const XID_MARK = "NVRM: Xid (";

const LINE =
  /^NVRM: Xid \((?:PCI:)?(?<pci>[0-9a-fA-F:.]+)(?: GPU-I:(?<gpuInstance>\d+))?[^)]*\): (?<code>\d{1,4})(?:, |$)/;
/** `pid=573, name=load, `; before 470 without the name; quoted, or `<unknown>`, where it is not known. */
const OWNER = /^pid='?(?<pid>\d+|<unknown>|\?+)'?(?:, name=(?<name>.*?))?(?=, |$)(?:, )?/;

export function parseXidLine(text: string): LoggedXid | undefined {
  const match = LINE.exec(text);
  const pci = normalPci(match?.groups?.pci ?? "");
  if (match?.groups === undefined || pci === undefined) return undefined;
  const { code, gpuInstance } = match.groups;
  const tail = text.slice(match[0].length);
  const owner = OWNER.exec(tail);
  const pid = Number(owner?.groups?.pid);
  const name = owner?.groups?.name;
  return {
    pci,
    code: Number(code),
    ...(pid > 0 ? { pid } : {}),
    ...(name === undefined || name === "" || name === "<unknown>" ? {} : { name }),
    ...(gpuInstance === undefined ? {} : { gpuInstance: Number(gpuInstance) }),
    rest: tail.slice(owner?.[0].length ?? 0),
  };
}
