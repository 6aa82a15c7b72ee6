/**
 * A lock inside the kernel of which the kernel itself remembers who has it (`task->blocker`, since Linux 6.16 where it
 * looks out for hung tasks). It knows better than any guess by the wait channel, so it is asked first.
 */
import { held } from "../fact.ts";
import { waitFact, type WaitResolver } from "./resolver.ts";

export const kernelLockWait: WaitResolver = {
  kind: "kernel lock",
  matches: (task) => task.state === "D",

  async resolve(task, view) {
    const lock = await view.kernelLock(task.tid);
    if (lock === undefined || lock.holder.tid === task.tid) return [];
    const { kind, id, holder } = lock;
    const entity = `klock:${id}`;
    const source = "task->blocker";
    const evidence = { source, observed: `${kind} held by thread ${holder.tid} of process ${holder.pid}` };
    const thread = holder.tid === holder.pid ? {} : { tid: holder.tid };
    // A semaphore may be let go by another than who took it.
    const certainty = kind === "semaphore" ? "derived" : "observed";
    return [
      waitFact(task, "kernel_lock", entity, { evidence }),
      held(entity, holder.pid, "owner", { ...evidence, ...thread, certainty }),
    ];
  },
};
