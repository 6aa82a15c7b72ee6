/**
 * A read of a file that is no data's: an eventfd, a timer, signals, changes of files. A thread that sleeps there rests
 * until it is woken, by whom the kernel does not know. eventfd(2), signalfd(2), timerfd_create(2), inotify(7).
 */
import type { BlockedTask } from "../blocked-task.ts";
import { ownEntity, waitFact, type WaitResolver } from "./resolver.ts";

const KIND_BY_FILE: Readonly<Record<string, string>> = {
  "[eventfd]": "eventfd",
  "[signalfd]": "signalfd",
  "[timerfd]": "timerfd",
  inotify: "inotify",
  "[fanotify]": "inotify",
};

export const wakeUpWait: WaitResolver = {
  kind: "wake-up",
  matches: ({ file }) => file !== undefined && wakeUpKind(file.target) !== undefined,
  resolve(task) {
    const kind = wakeUpKind((task.file as NonNullable<BlockedTask["file"]>).target) as string;
    return [waitFact(task, kind, ownEntity(kind, task))];
  },
};

/** `anon_inode:[eventfd]` → `eventfd`; undefined for any other file. */
export function wakeUpKind(target: string): string | undefined {
  return target.startsWith("anon_inode:") ? KIND_BY_FILE[target.slice("anon_inode:".length)] : undefined;
}
