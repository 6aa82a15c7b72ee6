/** What `xctl doctor` says of each check, in English: what was found, and what is seen less where it is missing. */

export const machine = {
  linux: { ok: (found: string) => found, missing: (found: string) => `${found}: only programs as probes run here` },
  root: {
    ok: (found: string) => found,
    missing: (found: string) => `${found}: other users' system calls, open files and kernel stacks stay hidden`,
  },
  procfs: {
    ok: (found: string) => `${found} shows every process`,
    missing: (found: string) => `/proc is mounted with ${found}: only your own processes are seen`,
  },
  ptrace: {
    ok: (found: string) => `what any process waits for can be read (${found})`,
    missing: (found: string) => `what other users' processes wait for cannot be read (${found})`,
  },
  stacks: { ok: () => "kernel stacks can be read", missing: () => "kernel stacks cannot be read" },
  sockets: {
    ok: (found: string) => `unix sockets' other ends are found (${found})`,
    missing: (found: string) => `unix sockets' other ends cannot be found: ${found}`,
  },
  cgroup: { ok: (found: string) => `cgroup ${found}`, missing: () => "no cgroups: limits are not seen" },
  psi: {
    ok: (found: string) => `pressure is measured (${found})`,
    missing: () => "the kernel does not measure pressure (PSI)",
  },
  ebpf: { ok: () => "eBPF programs can be loaded", missing: (found: string) => `eBPF is not available: ${found}` },
  nvml: {
    ok: (found: string) => `NVIDIA driver found (${found})`,
    missing: () => "no NVIDIA driver: GPUs are not seen",
  },
  python: {
    ok: (found: string) => `${found} runs .py probes`,
    missing: (found: string) => `${found} not found: .py probes cannot run`,
  },
  daemon: {
    ok: (found: string) => `answers on port ${found}`,
    missing: (found: string) => `does not answer on port ${found}`,
  },
};
