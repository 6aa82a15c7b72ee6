/**
 * A journal's commit: the kernel thread that writes the journal (jbd2/vda1-8) must get on. What it waits for is its own
 * wait. fs/jbd2/journal.c, jbd2_log_wait_commit.
 */
import { readBlockDevice } from "../../../kernel/block.ts";
import { readStat } from "../../../kernel/procfs.ts";
import { kernelFunction } from "../blocked-task.ts";
import { held } from "../fact.ts";
import { placeOn } from "../file-place.ts";
import { blockDeviceOf } from "./block-stack.ts";
import { deviceOfKernelThread, journalThread } from "./kernel-thread.ts";
import { waitFact, type WaitResolver } from "./resolver.ts";

const WAITS_FOR_COMMIT =
  /^(?:jbd2_log_wait_commit|jbd2_complete_transaction|jbd2_journal_force_commit\w*|wait_transaction_(?:locked|switching)|_*jbd2_log_wait_for_space)$/;

export const journalWait: WaitResolver = {
  kind: "journal",
  matches: (task) =>
    task.state === "D" && !task.comm.startsWith("jbd2/") && kernelFunction(task, WAITS_FOR_COMMIT) !== undefined,

  async resolve(task, view) {
    const place = task.kthread ? undefined : await placeOn(task, view, (it) => blockDeviceOf(it, view) !== undefined);
    const device = place === undefined ? deviceOfKernelThread(task.comm, view) : blockDeviceOf(place.mount, view);
    const name = device === undefined ? undefined : readBlockDevice(device, view.storage.sys)?.name;
    const writer = name === undefined ? undefined : journalThread(name, view);
    const stat = writer === undefined ? undefined : readStat(view.proc, writer);
    // One that sleeps has nothing to write, so it's something else that is waited for.
    if (stat === undefined || stat.state === "S") return [];
    const entity = `journal:${device}`;
    const evidence = { source: `/proc/${stat.pid}/stat`, observed: `${stat.comm}, state ${stat.state}` };
    return [
      waitFact(task, "journal", entity, { certainty: place?.certainty ?? "derived", label: `/dev/${name}` }),
      held(entity, stat.pid, "server", evidence),
    ];
  },
};
