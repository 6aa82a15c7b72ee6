/**
 * A request to a FUSE file system: its server must answer. A waiter sleeps interruptibly until it is killed, and then
 * uninterruptibly until the answer comes after all. fs/fuse/dev.c, request_wait_answer.
 */
import { connectionOf, controlFolder, FUSE_DEVICE, readWaiting } from "../../../kernel/fuse.ts";
import { isFuse } from "../../../kernel/mounts.ts";
import { kernelFunction, type BlockedTask } from "../blocked-task.ts";
import { placeOn, type Place } from "../file-place.ts";
import type { Fact } from "../fact.ts";
import type { View } from "../view.ts";
import { serversOf } from "./fuse-server.ts";
import { deviceOfKernelThread } from "./kernel-thread.ts";
import { ownEntity, waitFact, type WaitResolver } from "./resolver.ts";

const REQUEST = /^(?:request_wait_answer|_*fuse_(?!dev_|do_readfolio_end)\w+)$/;
const SERVES = /^fuse_dev_(?:do_)?read$/;
const PAGE_LOCK = /^(?:folio_wait_bit|__folio_lock|wait_on_page_bit|__lock_page)/;

/** The server's own rest. */
export const fuseServeWait: WaitResolver = {
  kind: "fuse.serve",
  matches: ({ file, wchan }) =>
    SERVES.test(wchan) || (file?.target === FUSE_DEVICE && file.verb === "read" && wchan === ""),
  resolve: (task) => [waitFact(task, "fuse.serve", ownEntity("fuse-requests", task), { serves: true })],
};

export const fuseWait: WaitResolver = {
  kind: "fuse",
  matches: (task) => {
    if (task.state === "S" && !REQUEST.test(task.wchan)) return false;
    return kernelFunction(task, REQUEST) !== undefined || isPageFault(task);
  },

  async resolve(task, view) {
    const place = await placeOf(task, view);
    if (place === undefined) return [];
    // A page that is locked shows no function of FUSE: it is its business only if nothing else can be.
    const isPage = kernelFunction(task, REQUEST) === undefined;
    return requestTo(task, isPage ? { ...place, certainty: "inferred" } : place, view);
  },
};

/** Waiting for a page that somebody else has asked the server for. */
function isPageFault(task: BlockedTask): boolean {
  return task.syscall === undefined && !task.kthread && kernelFunction(task, PAGE_LOCK) !== undefined;
}

async function placeOf(task: BlockedTask, view: View): Promise<Place | undefined> {
  if (!task.kthread) return placeOn(task, view, isFuse);
  const device = deviceOfKernelThread(task.comm, view);
  for (const mounts of device === undefined ? [] : view.storage.mounts.with(device)) {
    const mount = mounts.find((it) => it.device === device && isFuse(it));
    if (mount !== undefined) return { mount, path: undefined, inode: undefined, certainty: "derived" };
  }
  return undefined;
}

/** The wait for the connection of the place, and its server. */
async function requestTo(task: BlockedTask, place: Place, view: View): Promise<Fact[]> {
  const { mount, certainty } = place;
  const connection = connectionOf(mount.device);
  if (connection === undefined) return [];
  const entity = `fuse:${connection}`;
  const { facts, holder, blind } = await serversOf(connection, entity, view);
  const control = controlFolder(connection, view.storage.sys);
  const waiting = readWaiting(connection, view.storage.sys);
  const owed = waiting === undefined ? "" : `, ${waiting} requests not answered`;
  const details = {
    certainty,
    label: mount.mountPoint,
    object: `${control}/abort`,
    evidence: {
      source: `/proc/${task.pid}/mountinfo`,
      observed: `${mount.device} is ${mount.type} on ${mount.mountPoint}${owed}`,
    },
    blind,
  };
  if (facts.length > 0) return [waitFact(task, "fuse.request", entity, details), ...facts];
  const unserved = holder === "gone" ? ({ holder, cause: "fs.unresponsive" } as const) : { holder: "hidden" as const };
  return [waitFact(task, "fuse.request", entity, { ...details, ...unserved })];
}
