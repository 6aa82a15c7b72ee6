/** A sleep of its own choice: it ends by the clock, nobody holds it. */
import { int32, type BlockedTask } from "../blocked-task.ts";
import { POLL_CALLS, SELECT_CALLS } from "../poll-set.ts";
import { ownEntity, waitFact, type WaitResolver } from "./resolver.ts";

const SLEEPS: ReadonlySet<string> = new Set(["nanosleep", "clock_nanosleep"]);

export const sleepWait: WaitResolver = {
  kind: "sleep",
  matches: ({ syscall }) => syscall !== undefined && (SLEEPS.has(syscall.name) || isTimedPollOfNothing(syscall)),
  resolve: (task) => [waitFact(task, "sleep", ownEntity("sleep", task))],
};

/** poll and select with no file and a timeout were the portable sleep of finer grain than a second; select(2). */
function isTimedPollOfNothing({ name, args }: NonNullable<BlockedTask["syscall"]>): boolean {
  const [first = 0n, second = 0n, third = 0n, , fifth = 0n] = args;
  // poll(fds, nfds, milliseconds), ppoll(fds, nfds, timespec*), select(nfds, read, write, except, timeval*)
  if (POLL_CALLS.has(name)) return second === 0n && (name === "poll" ? int32(third) >= 0 : third !== 0n);
  return SELECT_CALLS.has(name) && int32(first) <= 0 && fifth !== 0n;
}
