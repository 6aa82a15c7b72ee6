/** Kernel threads that work for one block device or file system bear its name; and which thread writes whose journal. */
import { deviceNumber } from "../../../kernel/block.ts";
import type { View } from "../view.ts";

/** jbd2/vda1-8, kworker/u8:1+flush-7:0, kworker/u8:9+loop0, loop0, xfsaild/vda1, dmcrypt_write/253:0, md0_raid1. */
const BY_NUMBER = /(?:flush-|dmcrypt_\w+\/|dm_bufio\/)(\d+:\d+)/;
const BY_NAME = /(?:^jbd2\/([\w!-]+?)-\d+$|[/+-](loop\d+)$|^(loop\d+)$|^xfs[\w-]*\/([\w-]+)$|^(md\d+)_)/;

/** `major:minor` of the device or file system that it works for; undefined where its name does not tell. */
export function deviceOfKernelThread(comm: string, view: View): string | undefined {
  const number = BY_NUMBER.exec(comm)?.[1];
  if (number !== undefined) return number;
  const name = BY_NAME.exec(comm)
    ?.slice(1)
    .find((group) => group !== undefined);
  return name === undefined ? undefined : deviceNumber(name.replaceAll("!", "/"), view.storage.sys);
}

/** The thread that writes the journal of a device's ext4 (or ocfs2): jbd2/<name>-<inode of the journal>. */
export function journalThread(deviceName: string, view: View): number | undefined {
  const prefix = `jbd2/${deviceName.replaceAll("/", "!")}-`;
  for (const { pid, comm, kthread } of view.processes()) {
    // A name has room for 15 letters.
    if (kthread && (comm.startsWith(prefix) || (comm.length === 15 && prefix.startsWith(comm)))) return pid;
  }
  return undefined;
}
