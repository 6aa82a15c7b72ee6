/**
 * A block device: data to come or to be written. What it amounts to is told by what lies below the device, by the I/O
 * limits of the process, by the kernel log, and by whether the device is at work at all.
 */
import type { BlockDevice } from "../../../kernel/block.ts";
import type { CauseKind } from "../../../model/cause.ts";
import { connectionOf, controlFolder } from "../../../kernel/fuse.ts";
import { isFuse, serverOf } from "../../../kernel/mounts.ts";
import { kernelFunction, type BlockedTask } from "../blocked-task.ts";
import type { Certainty, HeldFact } from "../fact.ts";
import { placeOn } from "../file-place.ts";
import type { View } from "../view.ts";
import { blockDeviceOf, blockStack, type BlockStack } from "./block-stack.ts";
import { serversOf } from "./fuse-server.ts";
import { limitOf, onlyLimitOn, type Direction, type IoLimit } from "./io-limit.ts";
import { deviceOfKernelThread } from "./kernel-thread.ts";
import { ownEntity, waitFact, type WaitDetails, type WaitResolver } from "./resolver.ts";

/** Where threads wait for block I/O, by their names from 4.18 to 6.18. */
const DISK = new RegExp(
  `^_*(?:${[
    "io_schedule\\w*",
    "bit_wait_io",
    "folio_(?:wait|lock|end)\\w*",
    "lock_page\\w*",
    "wait_on_(?:page|buffer|bit)\\w*",
    "wait_transaction_locked",
    "blk_\\w+|blkdev_\\w+|blkcg_\\w+|rq_qos_wait|wbt_wait|submit_bio\\w*",
    "balance_dirty_pages\\w*",
    "wb_wait_for_completion|inode_sleep_on_writeback|inode_wait_for_writeback|writeback_\\w+|filemap_fdatawait\\w*",
    "iomap_dio_\\w+|blockdev_direct_IO|dio_await\\w*",
    "jbd2_\\w+|ext[234]_\\w+|xfs_\\w+|xlog_\\w+|btrfs_\\w+|f2fs_\\w+|journal_\\w+",
    "do_get_write_access|read_pages|sync_inodes_sb",
    "dm_\\w+|md_\\w+|raid\\d+_\\w+|loop_\\w+|nvme_\\w+|scsi_\\w+",
  ].join("|")})$`,
);
/** Memory that is reclaimed or swapped in waits for disks as well, but the memory is what lacks. */
const MEMORY =
  /^(?:do_swap_page|swap_\w+|swapin_\w+|__?read_swap_cache\w*|shrink_\w+|try_to_free_\w+|reclaim_\w+|throttle_direct\w+)$/;
const THROTTLED = /^(?:blk_throtl_\w+|__?blkcg_maybe_throttle\w*)$/;

/** An error that old may well be what the wait is about: drivers retry for minutes. */
const ERROR_BEFORE_MS = 60_000;
/** To see a request on its way from the limit to the device takes less. */
const SETTLED_MS = 100;

export const diskWait: WaitResolver = {
  kind: "disk",
  matches: (task) =>
    task.state === "D" && kernelFunction(task, DISK) !== undefined && kernelFunction(task, MEMORY) === undefined,

  async resolve(task, view) {
    const device = await deviceOf(task, view);
    if (device === undefined) {
      const isOrdinary = !view.storage.isLong(task);
      return isOrdinary ? [waitFact(task, "block.io", ownEntity("block", task), { cause: "process.busy" })] : [];
    }
    const stack = blockStack(device.number, view);
    const name = stack.devices[0]?.name ?? device.number;
    const entity = `block:${device.number}`;
    const { servers, ...details } = await judge(task, stack, entity, view);
    const certainty = details.certainty ?? device.certainty;
    const over = ANSWERS_LATE.has(details.cause) ? namesOf(stack) : [];
    return [waitFact(task, "block.io", entity, { ...details, over, certainty, label: `/dev/${name}` }), ...servers];
  },
};

async function deviceOf(task: BlockedTask, view: View): Promise<{ number: string; certainty: Certainty } | undefined> {
  if (task.kthread) {
    const number = deviceOfKernelThread(task.comm, view);
    return number === undefined ? undefined : { number, certainty: "derived" };
  }
  const place = await placeOn(task, view, (mount) => blockDeviceOf(mount, view) !== undefined);
  const number = place === undefined ? undefined : blockDeviceOf(place.mount, view);
  return place === undefined || number === undefined ? undefined : { number, certainty: place.certainty };
}

/** What is wrong with a disk below is the cause of such a wait; neither of an ordinary one, nor of one that is held back. */
const ANSWERS_LATE: ReadonlySet<CauseKind | undefined> = new Set([undefined, "storage.slow", "storage.error"]);

type Judgement = WaitDetails & { servers: HeldFact[] };

async function judge(task: BlockedTask, stack: BlockStack, entity: string, view: View): Promise<Judgement> {
  const served = await byServer(stack, entity, view);
  if (served !== undefined) return served;
  const idle = stack.devices.every(({ inFlight }) => inFlight !== undefined && inFlight.reads + inFlight.writes === 0);
  const busiest = stack.devices.findLast(
    ({ inFlight }) => inFlight !== undefined && inFlight.reads + inFlight.writes > 0,
  );
  const isSettled = view.storage.ageMs(task) >= SETTLED_MS;
  const own = isSettled ? byOwnLimit(task, stack, idle, view) : undefined;
  if (own !== undefined) return own;
  if (!view.storage.isLong(task)) return { cause: "process.busy", servers: [] };
  // A device at fault has the request; one that has none is kept from it.
  const found =
    busiest === undefined
      ? ((await byOthersLimit(stack, view)) ?? (await byError(task, stack, view)))
      : ((await byError(task, stack, view)) ??
        (await byLimitBeside(task, stack, view)) ??
        bySlowness(task, busiest, view));
  return found ?? { servers: [] };
}

/** The disk is a file, and the file system that this lies on has a server. */
async function byServer({ devices, served }: BlockStack, entity: string, view: View): Promise<Judgement | undefined> {
  const [first] = served;
  if (first === undefined) return undefined;
  const { mount, file } = first;
  const loop = devices.find(({ backingFile }) => backingFile === file) as BlockDevice;
  const source = `${view.storage.sys}/block/${loop.disk}/loop/backing_file`;
  const evidence = { source, observed: `${file}, on ${mount.type} ${mount.device}` };
  const connection = isFuse(mount) ? connectionOf(mount.device) : undefined;
  if (connection === undefined) {
    return {
      cause: "fs.unresponsive",
      certainty: "inferred",
      evidence,
      object: serverOf(mount) ?? mount.source,
      servers: [],
    };
  }
  const { facts, holder, blind } = await serversOf(connection, entity, view);
  const object = `${controlFolder(connection, view.storage.sys)}/abort`;
  if (facts.length > 0) {
    for (const { attrs } of facts) attrs.certainty = "derived";
    return { certainty: "derived", evidence, object, blind, servers: facts };
  }
  const cause = holder === "gone" ? ({ cause: "fs.unresponsive" } as const) : {};
  return { certainty: "derived", evidence, object, blind, holder: holder ?? "hidden", ...cause, servers: [] };
}

/** A limit holds requests back above the device, so the device has none of them. */
function byOwnLimit(task: BlockedTask, stack: BlockStack, idle: boolean, view: View): Judgement | undefined {
  const seen = kernelFunction(task, THROTTLED) !== undefined;
  if (task.kthread || (!idle && !seen)) return undefined;
  const limit = limitOf(task.pid, numbers(stack), directionOf(task), view);
  if (limit === undefined) return undefined;
  return { ...throttled(limit), certainty: seen ? "observed" : "derived", servers: [] };
}

/** The device has requests, of whomever; still a limit on this very cgroup is likelier than a device that slow. */
async function byLimitBeside(task: BlockedTask, stack: BlockStack, view: View): Promise<Judgement | undefined> {
  // A journal's thread waits for what others have written, under their limits.
  if (task.kthread) return byOthersLimit(stack, view);
  const limit = limitOf(task.pid, numbers(stack), directionOf(task), view);
  return limit === undefined ? undefined : { ...throttled(limit), certainty: "inferred", servers: [] };
}

async function byOthersLimit(stack: BlockStack, view: View): Promise<Judgement | undefined> {
  const limit = await onlyLimitOn(numbers(stack), view);
  return limit === undefined ? undefined : { ...throttled(limit), certainty: "inferred", servers: [] };
}

function throttled({ file, text, lift }: IoLimit): WaitDetails {
  return {
    cause: "storage.throttled",
    object: file,
    setting: lift,
    evidence: { source: file, observed: text },
  };
}

async function byError(task: BlockedTask, stack: BlockStack, view: View): Promise<Judgement | undefined> {
  for (const { name, disk } of stack.devices) {
    for (const device of new Set([name, disk])) {
      const error = await view.storage.log.recentError(device, view.storage.ageMs(task) + ERROR_BEFORE_MS);
      if (error === undefined) continue;
      return {
        cause: "storage.error",
        certainty: "derived",
        evidence: { source: "/dev/kmsg", observed: error.text },
        servers: [],
      };
    }
  }
  return undefined;
}

function bySlowness(task: BlockedTask, { disk, inFlight }: BlockDevice, view: View): Judgement {
  const waitedS = (view.storage.ageMs(task) / 1000).toFixed(1);
  return {
    cause: "storage.slow",
    certainty: "derived",
    evidence: {
      source: `${view.storage.sys}/block/${disk}/inflight`,
      observed: `${inFlight?.reads} reads and ${inFlight?.writes} writes not answered; this one for ${waitedS} s`,
    },
    servers: [],
  };
}

/** By which probes speak of them: the file system's device, the disk it is on, and those below. */
function namesOf({ devices }: BlockStack): string[] {
  return [...new Set(devices.flatMap(({ name, disk }) => [name, disk]))];
}

/** Limits are set for whole disks. */
function numbers({ devices }: BlockStack): string[] {
  return devices.flatMap(({ device, diskDevice }) => [device, diskDevice]);
}

const READS = /^(?:p?read|readv|preadv|getdents|execve|mmap)/;
const WRITES = /^(?:p?write|writev|pwritev|f?sync|fdatasync|syncfs|msync|fallocate|f?truncate)/;

/** Undefined where either may be meant. */
function directionOf({ syscall }: BlockedTask): Direction | undefined {
  if (syscall === undefined || READS.test(syscall.name)) return "read";
  return WRITES.test(syscall.name) ? "write" : undefined;
}
