/** A wait for a lock whose memory names an owner: the facts, or none where the name turns out to mean nobody. */
import type { FutexCall } from "../../../kernel/futex.ts";
import type { LockClaim } from "../../../kernel/futex-locks.ts";
import { placeIn, type SharedPlace } from "../../../kernel/futex-memory.ts";
import type { BlockedTask } from "../blocked-task.ts";
import { held, type Fact } from "../fact.ts";
import type { View } from "../view.ts";
import { ownerOf } from "./futex-owner.ts";
import { waitFact } from "./resolver.ts";

export async function lockFacts(task: BlockedTask, call: FutexCall, claim: LockClaim, view: View): Promise<Fact[]> {
  const place = await placeOf(task, call, view);
  const shared = typeof place === "object" ? place : undefined;
  const entity = entityOf(task.pid, call, shared);
  const label = shared?.path.startsWith("/") ? shared.path : undefined;
  const lock = `${claim.what} at 0x${call.address.toString(16)}`;
  const owner = await ownerOf(task, claim, place, view);
  if (owner === undefined) return [];

  const source = `/proc/${task.pid}/mem`;
  if (owner.state === "hidden")
    return [waitFact(task, "futex", entity, { holder: "hidden", blind: ["memory"], label })];
  if (owner.state === "gone") {
    const evidence = { source, observed: `${lock}: ${owner.why}` };
    return [waitFact(task, "futex", entity, { holder: "gone", certainty: "derived", evidence, label })];
  }
  const { pid, tid } = owner;
  const certainty = claim.byKernel ? "observed" : "derived";
  const evidence = { source, observed: `${lock}: owner ${claim.owner}`, certainty, tid } as const;
  return [waitFact(task, "futex", entity, { label }), held(entity, pid, "owner", evidence)];
}

/** `private`: the process's own memory. `unseen`: its memory map can't be read. */
async function placeOf(task: BlockedTask, call: FutexCall, view: View): Promise<SharedPlace | "private" | "unseen"> {
  if (!call.shared) return "private";
  const maps = await view.maps(task.via);
  return maps === undefined ? "unseen" : (placeIn(maps, call.address) ?? "unseen");
}

/** In shared memory the place counts: every process may have it at another address. */
function entityOf(pid: number, { address }: FutexCall, place: SharedPlace | undefined): string {
  if (place === undefined) return `futex:${pid}:${address.toString(16)}`;
  return `futex:${place.file}:${place.offset.toString(16)}`;
}
