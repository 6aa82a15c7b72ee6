/** What `xctl zap` says, in English. `name`, `parent` and `tracer` are processes' names. */

export const zap = {
  ended: (count: number, signal: string) => `Ended ${processes(count)} (${signal}):`,
  wouldEnd: (count: number, signal: string) => `Would end ${processes(count)} (${signal}); nothing was signalled:`,
  survived: (count: number) => `${processes(count)} survived:`,
  delivered: (count: number, signal: string) => `Sent ${signal} to ${processes(count)}:`,
  nothing: "Nothing to end.",
  unreaped: (name: string, parent: string) => `${name} is dead; its parent ${parent} has not reaped it yet.`,
  ask: (count: number, signal: string) => `End ${count === 1 ? "it" : `these ${processes(count)}`} (${signal})? [y/N] `,
  declined: "nothing was signalled",
  interrupted: "interrupted; nothing is left stopped",
  killOnly: "on Windows a tree can only be killed: no --signal other than KILL, no --grace, no --dry-run",
  badSignal: (text: string) => `no such signal: ${text}`,
  badSignalHint: "a name such as TERM or SIGTERM, or a number from 1 to 64",
  /** By what kept it alive. */
  because: {
    denied: (uid: string) => `belongs to user ${uid}, whom you may not signal`,
    traced: (tracer: string) => `held by its tracer ${tracer}`,
    frozen: (cgroup: string) => `its cgroup is frozen: ${cgroup}`,
    uninterruptible: (wchan: string) => `uninterruptible${wchan === "0" ? "" : ` in ${wchan}`}`,
    exiting: (wchan: string) => `killed, but still in the kernel${wchan === "0" ? "" : `, in ${wchan}`}`,
    ignores: (signal: string) => `ignores ${signal}`,
    handles: (signal: string) => `handles ${signal} itself and goes on`,
    blocks: (signal: string) => `blocks ${signal}`,
    namespace_init: (signal: string) => `init of a pid namespace without a handler for ${signal}`,
    unfinished: (signal: string) => `has not ended after ${signal}`,
    not_ending: (signal: string) => `${signal} does not end a process`,
  },
  /** What was refused, and the next step. */
  refused: {
    no_such_process: (_name: string, pid: string) => [`no such process: ${pid}`, "xctl ps --all shows those there are"],
    reused: (name: string) => [`the process has ended and its pid is another's by now: ${name}`, "look again: xctl ps"],
    thread: (name: string, owner: string) => [`${name} is a thread of process ${owner}`, `xctl zap ${owner}`],
    init: (name: string) => [`${name} is the system's first process`, "to end the system, shut it down from outside"],
    kernel_thread: (name: string) => [`${name} is a kernel thread`, "no signal ends one"],
    self: (name: string) => [`${name} is xctl itself`, "name another process"],
    ancestor: (name: string) => [`xctl runs under ${name}`, "run it from a shell outside of that tree"],
    denied: (name: string) => [`not permitted to signal ${name}`, "run it as root or as the process's owner"],
    unsupported: () => ["the process cannot be seen in /proc", "zap needs Linux with /proc, or Windows"],
  } satisfies Record<string, (name: string, detail: string) => [message: string, hint: string]>,
};

function processes(count: number): string {
  return count === 1 ? "1 process" : `${count} processes`;
}
