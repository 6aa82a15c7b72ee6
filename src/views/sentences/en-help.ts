/** The help texts in English: one line a command, argument and option. */

export const help = {
  program: "Why is this process stuck, who is to blame, and what do I do now?",
  defaultValue: (value: string) => ` (default: ${value})`,
  /** By the English title. */
  titles: {
    "Usage:": "Usage:",
    "Arguments:": "Arguments:",
    "Options:": "Options:",
    "Commands:": "Commands:",
  },
  commands: {
    run: "start the daemon, in the foreground",
    ps: "list the active processes and what each of them waits for",
    why: "say why a process does not progress and what to do; without PID, for all that are stuck",
    zap: "end a process and its whole tree",
    events: "show recent events",
    emit: "send JSONL events from standard input to the daemon",
    status: "show the daemon's own health",
    doctor: "show what this machine allows, and how to enable the rest",
    completion: "print the completion script of a shell",
  },
  /** By the command that takes it. */
  arguments: {
    why: "process to explain",
    zap: "process to end",
    completion: "bash, zsh or fish",
  },
  options: {
    help: "show this help",
    version: "show the version",
    no_color: "print no colours",
    json: "print one JSON document",
    port: "port of the daemon",
    from: "answer from a recorded event log; no daemon needed",
    job: "only this job; with why: which rank holds it up",
    probe: 'a built-in probe, a program, or "auto" for the built-in set; may be repeated',
    host: "address to listen on",
    interval: "time between two samples",
    node: "name of this machine in events",
    record: "write every event to a file",
    ps_all: "every process, kernel threads too",
    watch: "show it again every second",
    why_all: "also show the harmless waits",
    signal: "signal to end the tree with",
    grace: "time to end by itself before it is killed",
    dry_run: "only show what would be ended",
    yes: "do not ask",
    follow: "go on as events come in",
    type: "only events of this type",
    pid: "only events of this process",
  },
};
