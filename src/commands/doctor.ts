/** `xctl doctor`: what this machine allows, and the command that would enable the rest. */
import { checkMachine, type MachineCheck } from "../kernel/machine.ts";
import type { DoctorDocument } from "../model/documents.ts";
import { doctorText } from "../views/doctor.ts";
import { sentencesOf } from "../views/sentences/index.ts";
import { daemonOf } from "./answers.ts";
import { printJson, type Terminal } from "./terminal.ts";
import type { RunVerb, VerbOptions } from "./verb.ts";

type CheckName = MachineCheck["name"] | "daemon";

/** By check; null where no command can. Debian's package names; others' are alike. */
const ENABLE: Record<Exclude<CheckName, "ebpf">, string | null> = {
  linux: null,
  root: "sudo xctl run",
  procfs: "sudo mount -o remount,hidepid=0 /proc",
  ptrace: "sudo xctl run",
  stacks: "sudo xctl run",
  sockets: "sudo modprobe unix_diag",
  cgroup: "sudo mount -t cgroup2 none /sys/fs/cgroup",
  psi: "sudo grubby --update-kernel=ALL --args=psi=1",
  nvml: null,
  python: "sudo apt-get install python3",
  daemon: "xctl run",
};

/** Always 0: what is missing is a finding, not a failure. */
export const run: RunVerb = async (_argument, options, terminal) => {
  const document = await doctorDocument(options, terminal);
  if (options.json === true) printJson(terminal, document);
  else terminal.out(doctorText(document, terminal.style));
  return 0;
};

export async function doctorDocument(options: VerbOptions, terminal: Terminal): Promise<DoctorDocument> {
  const checks = [...(await checkMachine()), await checkDaemon(options, terminal)];
  const { machine } = sentencesOf(terminal.style.lang);
  return {
    checks: checks.map(({ name, ok, found }) => ({
      name,
      ok,
      detail: machine[name][ok ? "ok" : "missing"](found),
      enable: ok ? null : name === "ebpf" ? enableEbpf(found) : ENABLE[name],
    })),
  };
}

async function checkDaemon(
  options: VerbOptions,
  terminal: Terminal,
): Promise<{ name: CheckName; ok: boolean; found: string }> {
  const found = String(options.port);
  const daemon = daemonOf(options, terminal);
  try {
    await daemon.call("ping", {});
    return { name: "daemon", ok: true, found };
  } catch {
    return { name: "daemon", ok: false, found };
  }
}

/** By what the kernel or the loader said; a kernel without it is helped by no command. */
function enableEbpf(found: string): string | null {
  if (found.includes("needs root")) return ENABLE.root;
  return found.includes("not installed") ? "sudo apt-get install libbpf1" : null;
}
