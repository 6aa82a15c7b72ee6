/** Whether eBPF may be used at all: it is kept out by a variable, and it shows no machine but the one it runs on. */

/** `procfs` keeps eBPF out, for comparisons and for machines where it may not be used. */
const SAMPLER_VARIABLE = "XCTL_SAMPLER";

const OWN_PROC = "/proc";

/** Why it may not; undefined where nothing forbids it. */
export function ebpfKeptOut(proc: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env[SAMPLER_VARIABLE] === "procfs") return `${SAMPLER_VARIABLE}=procfs`;
  return proc === OWN_PROC ? undefined : `${proc} is not this machine's`;
}
