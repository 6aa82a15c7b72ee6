/** The contract of a kind of wait, and the wait fact that each of them makes. */
import { printable } from "../../../lib/text.ts";
import type { CauseKind } from "../../../model/cause.ts";
import type { Attrs } from "../../../model/event.ts";
import { callText, type BlockedTask } from "../blocked-task.ts";
import type { Certainty, Fact, NoHolder, WaitFact } from "../fact.ts";
import type { View } from "../view.ts";

export interface WaitResolver {
  kind: string;
  /** Whether it may be this kind; from the task alone. */
  matches(task: BlockedTask): boolean;
  /** The wait and who has what is waited for; empty where it turns out to be no wait of this kind. */
  resolve(task: BlockedTask, view: View): Fact[] | Promise<Fact[]>;
}

export interface WaitDetails {
  certainty?: Certainty;
  holder?: NoHolder;
  serves?: boolean;
  /** Which end of a connection is the waiter's: others who have that one do not keep it waiting. */
  end?: string;
  /** What a person calls the thing; where it is not given, the path of the file that the call is about. */
  label?: string | undefined;
  /** The kind of root cause that the wait amounts to where nobody holds what it is on; only with evidence for it. */
  cause?: CauseKind;
  /** What the advice is to act on: a control file, a mount point. */
  object?: string;
  /** What to write into that control file. */
  setting?: string;
  /** Of a semaphore that the main thread waits for: the program or library that does so. */
  caller?: string;
  /** Ids of the resources that the wait goes over: a connection's interface, the disks below a file. */
  over?: readonly string[];
  /** Better evidence than the call itself. */
  evidence?: { source: string; observed: string };
  /** Codes of what could not be seen, beside what the task could not show. */
  blind?: readonly string[];
}

/** At most so many holders of one thing are named. */
export const MAX_HOLDERS = 64;

const MAX_LABEL = 256;

export function waitFact(task: BlockedTask, kind: string, entity: string, details: WaitDetails = {}): WaitFact {
  const { pid, tid, syscall, wchan } = task;
  const blind = [...new Set([...task.blind, ...(details.blind ?? [])])].join(",");
  const label = details.label ?? pathOf(task);
  const attrs: Attrs = {
    tid,
    since_ms: task.sinceMs,
    source: `/proc/${pid}/task/${tid}/${syscall === undefined ? "wchan" : "syscall"}`,
    observed: callText(task),
    certainty: details.certainty ?? "observed",
  };
  if (syscall !== undefined) attrs.syscall = syscall.name;
  if (wchan !== "") attrs.wchan = wchan;
  if (details.holder !== undefined) attrs.holder = details.holder;
  if (details.cause !== undefined) attrs.cause = details.cause;
  if (details.object !== undefined) attrs.object = details.object;
  if (details.setting !== undefined) attrs.setting = details.setting;
  if (details.evidence !== undefined) Object.assign(attrs, details.evidence);
  if (details.caller !== undefined) attrs.caller = printable(details.caller).slice(0, MAX_LABEL).toWellFormed();
  if (details.serves) attrs.serves = true;
  if (details.end !== undefined) attrs.end = details.end;
  if (details.over !== undefined && details.over.length > 0) attrs.over = details.over.join(",");
  if (label !== undefined) attrs.label = printable(label).slice(0, MAX_LABEL).toWellFormed();
  if (blind !== "") attrs.blind = blind;
  return { type: "wait", entity, pid, tid, kind, attrs };
}

/** Of a file that has one, as its opener sees it; what is not a file has a name of another form (`pipe:[1]`). */
function pathOf({ file }: BlockedTask): string | undefined {
  return file?.target.startsWith("/") ? file.target : undefined;
}

/** The id for what only this thread waits for: `sleep:10`, `sleep:10:12`. */
export function ownEntity(prefix: string, { pid, tid }: BlockedTask): string {
  return tid === pid ? `${prefix}:${pid}` : `${prefix}:${pid}:${tid}`;
}
