/**
 * The kernel's own type information, /sys/kernel/btf/vmlinux: what the numbers of an enumeration mean on this kernel.
 * Bytes in, names out: https://docs.kernel.org/bpf/btf.html. Little-endian, as every machine xctl runs on.
 */
import { readFile } from "node:fs/promises";

const BTF = "/sys/kernel/btf/vmlinux";
const MAGIC = 0xeb9f;
const HEADER_BYTES = 24;
const TYPE_BYTES = 12;
const KIND_ENUM = 6;
const ENUMERATOR_BYTES = 8;
/** Bytes behind each kind of type: of itself, and of each of its members. */
const BEHIND: readonly (readonly [own: number, member: number])[] = [
  [0, 0], [4, 0], [0, 0], [12, 0], [0, 12], [0, 12], [0, 8], [0, 0], [0, 0], [0, 0],
  [0, 0], [0, 0], [0, 0], [0, 8], [4, 0], [0, 12], [0, 0], [4, 0], [0, 0], [0, 12],
]; // prettier-ignore

/** The names of the running kernel's enumeration by number, without their prefix; empty where it has none. */
export async function kernelEnum(name: string, prefix: string): Promise<Map<number, string>> {
  try {
    return enumOf(await readFile(BTF), name, prefix);
  } catch {
    return new Map();
  }
}

/** Only those with the prefix. Of bytes that are cut short or no BTF nothing is told. */
export function enumOf(btf: Buffer, name: string, prefix: string): Map<number, string> {
  const names = new Map<number, string>();
  if (btf.length < HEADER_BYTES || btf.readUInt16LE(0) !== MAGIC) return names;
  const body = btf.readUInt32LE(4);
  const types = btf.subarray(body + btf.readUInt32LE(8)).subarray(0, btf.readUInt32LE(12));
  const strings = btf.subarray(body + btf.readUInt32LE(16)).subarray(0, btf.readUInt32LE(20));
  const nameAt = strings.indexOf(`\0${name}\0`) + 1;
  if (nameAt === 0) return names;
  for (let at = 0; at + TYPE_BYTES <= types.length;) {
    const info = types.readUInt32LE(at + 4);
    const count = info & 0xffff;
    const kind = (info >>> 24) & 0x1f;
    const behind = BEHIND[kind];
    if (behind === undefined) return names;
    const next = at + TYPE_BYTES + behind[0] + count * behind[1];
    if (kind === KIND_ENUM && types.readUInt32LE(at) === nameAt && next <= types.length) {
      for (let member = at + TYPE_BYTES; member < next; member += ENUMERATOR_BYTES) {
        const text = textAt(strings, types.readUInt32LE(member));
        if (text.startsWith(prefix)) names.set(types.readUInt32LE(member + 4), text.slice(prefix.length));
      }
      return names;
    }
    at = next;
  }
  return names;
}

function textAt(strings: Buffer, at: number): string {
  const end = strings.indexOf(0, at);
  return strings.toString("latin1", at, end < 0 ? at : end);
}
