/** A cause of the model as the answer tells it: its sentences, its evidence, what to do. */
import { printable } from "../lib/text.ts";
import type { Advice, RootCause } from "../model/documents.ts";
import type { ProcessNode } from "../model/nodes.ts";
import { isLockKind } from "../model/wait-kinds.ts";
import type { Cause } from "../model/why.ts";
import { processName, waitWords } from "./names.ts";
import type { CauseParts } from "./sentences/en.ts";
import type { Sentences } from "./sentences/index.ts";

export function rootCause(cause: Cause, say: Sentences): RootCause {
  const parts = partsOf(cause, say);
  return {
    kind: cause.kind,
    entity_id: cause.entityId,
    ...(cause.actor === undefined ? {} : { pid: cause.actor.pid }),
    pids: cause.members.map(({ pid }) => pid),
    tids: [...cause.tids],
    confidence: cause.confidence,
    certainty: cause.certainty,
    summary: say.causes[cause.kind](parts),
    evidence: cause.evidence.map(({ source, observed }) => ({ source, observed })),
    advice: cause.advice.map(({ key, command, risk, place = null }): Advice => {
      // A command that cannot be shown as it is cannot be pasted either.
      const pasted = command !== null && printable(command) === command ? command : null;
      return {
        text: say.advice[key]({ ...parts, place: place === null ? null : printable(place) }),
        command: pasted,
        risk,
      };
    }),
  };
}

function partsOf(cause: Cause, say: Sentences): CauseParts {
  const [first] = cause.members;
  const name = (process: ProcessNode) => processName(process, say);
  const isWait = first?.waits.some((wait) => wait.detail === cause.detail) === true;
  return {
    who: first === undefined ? printable(cause.entityId) : name(first),
    actor: cause.actor === undefined ? null : name(cause.actor),
    members: cause.members.map(name),
    tids: cause.tids,
    entity: thingName(cause, cause.entityId),
    detail: printable(cause.detail),
    wait: isWait ? waitWords(cause.detail, say) : null,
    held: heldLock(cause),
    place: null,
  };
}

/** The lock at the end of the chain, where its owner is the one to blame. */
function heldLock(cause: Cause): string | null {
  const last = cause.chain.findLast(({ edge }) => edge === "held_by");
  const wait = cause.chain.findLast(({ edge, to }) => edge === "waits_on" && to === last?.from);
  return last !== undefined && wait !== undefined && isLockKind(wait.detail) ? thingName(cause, last.from) : null;
}

/** The path of a locked file says more than the lock's id. */
function thingName({ chain }: Cause, id: string): string {
  return printable(chain.find(({ to, label }) => to === id && label !== undefined)?.label ?? id);
}
