/** Programs that start ranks, and programs that only stand between a launcher and a rank. By name: no kernel knows them. */

// As the kernel keeps a name: its first 15 bytes.
const LAUNCHERS: ReadonlySet<string> = new Set([
  ...["mpirun", "mpiexec", "orterun", "orted", "prterun", "prte", "prted"],
  ...["mpiexec.hydra", "hydra_pmi_proxy", "hydra_bstrap_pr", "mpirun_rsh", "mpispawn"],
  ...["srun", "slurmstepd", "torchrun", "horovodrun", "deepspeed", "accelerate"],
]);

/** `python -m …` */
const MODULES: ReadonlySet<string> = new Set([
  "torch.distributed.run",
  "torch.distributed.launch",
  "deepspeed.launcher.runner",
  "deepspeed.launcher.launch",
  "accelerate.commands.launch",
  "accelerate.commands.accelerate_cli",
  "horovod.runner.launch",
]);

const SHELLS: ReadonlySet<string> = new Set(["sh", "bash", "dash", "zsh", "ksh", "fish", "tcsh", "csh", "busybox"]);

const WRAPPERS: ReadonlySet<string> = new Set([
  ...["timeout", "time", "env", "nice", "numactl", "taskset", "stdbuf", "sudo", "su", "runuser", "setpriv"],
  ...["strace", "ltrace", "gdb", "cuda-gdb", "perf", "nsys", "ncu", "valgrind"],
  ...["tini", "dumb-init", "catatonit", "conda", "uv", "starter", "starter-suid", "apptainer", "singularity"],
]);

/** They start whatever they are told to, and nobody calls their children a job. */
const SUPERVISORS =
  /^(?:systemd|init|sshd|sshd-session|tmux.*|screen|conmon|containerd-shim|dockerd|podman|runc|crun|supervisord|s6-.*|runsv)$/;

/** Python's own helpers for the processes that it starts; children of whoever starts those. */
const PYTHON_HELPER = /multiprocessing\.(?:resource_tracker|forkserver)/;

export interface Program {
  comm: string;
  /** Its arguments, each followed by NUL; empty where not told. */
  cmdline: string;
}

export function isLauncher({ comm, cmdline }: Program): boolean {
  if (LAUNCHERS.has(comm)) return true;
  if (!comm.startsWith("python")) return false;
  const [, ...words] = cmdline.split("\0", MAX_WORDS);
  const at = words.findIndex((word) => !word.startsWith("-") || word === "-m");
  if (at < 0) return false;
  if (words[at] === "-m") return MODULES.has(words[at + 1] ?? "");
  return LAUNCHERS.has((words[at] as string).replace(/^.*\//, ""));
}

export function isSupervisor({ comm, pid }: Program & { pid: number }): boolean {
  return pid === 1 || SUPERVISORS.test(comm);
}

/** It starts a program in its own place and waits for its end. */
export function isWrapper({ comm }: Program): boolean {
  return SHELLS.has(comm) || WRAPPERS.has(comm);
}

export function isPythonHelper({ cmdline }: Program): boolean {
  return PYTHON_HELPER.test(cmdline);
}

const MAX_WORDS = 16;
const MAX_NAME = 100;

/**
 * What to call the job of a launcher that gave it no name. Hydra tells its proxies on every host where its own port is;
 * a pid is at least this host's.
 */
export function launchedName(launcher: Program & { pid: number }, others: readonly Program[]): string {
  for (const { cmdline } of [launcher, ...others]) {
    const words = cmdline.split("\0", MAX_WORDS);
    const port = words[words.indexOf("--control-port") + 1];
    if (port !== undefined && /^[\w.:[\]-]+:\d+$/.test(port)) return port.slice(0, MAX_NAME);
  }
  return `${launcher.comm.slice(0, MAX_NAME)}-${launcher.pid}`;
}
