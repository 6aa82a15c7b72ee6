/**
 * Whether a file system or device in trouble hits this very process: from what its calls got it between two looks, and
 * what became of its files. Pure. That it merely has a file open there is never enough.
 */
import type { FileState } from "../../kernel/file-use.ts";
import type { IoAccounting } from "../../kernel/io-accounting.ts";
import { isStream, type OpenFile } from "../../kernel/open-files.ts";

/** What it did between two looks. */
export type IoChange = IoAccounting;

/** Undefined where a counter went backwards: another process has the pid. */
export function changeBetween(before: IoAccounting, now: IoAccounting): IoChange | undefined {
  const change: IoChange = {
    readBytes: now.readBytes - before.readBytes,
    writtenBytes: now.writtenBytes - before.writtenBytes,
    readCalls: now.readCalls - before.readCalls,
    writeCalls: now.writeCalls - before.writeCalls,
    storageReadBytes: now.storageReadBytes - before.storageReadBytes,
    storageWriteBytes: now.storageWriteBytes - before.storageWriteBytes,
  };
  return Object.values(change).every((it) => it >= 0) ? change : undefined;
}

/** It called and got nothing. Calls that were not ready (EAGAIN) and reads at a file's end look the same. */
export function writesInVain({ writeCalls, writtenBytes }: IoChange): boolean {
  return writeCalls > 0 && writtenBytes === 0;
}

/** A device was asked for what it read, and still it got nothing: no read at a file's end, nor of a pipe. */
export function readsFromDeviceInVain({ readCalls, readBytes, storageReadBytes }: IoChange): boolean {
  return readCalls > 0 && readBytes === 0 && storageReadBytes > 0;
}

export function writesToDeviceInVain(change: IoChange): boolean {
  return writesInVain(change) && change.storageWriteBytes > 0;
}

/** A file open for writing, at two looks. */
export interface FileLook {
  file: OpenFile;
  state: FileState;
}

/**
 * A write was begun in this time: file systems set the file's time before they look for room, and leave it so when
 * there is none (file_update_time in ext4_write_checks, xfs_file_write_checks, btrfs_write_check, shmem_file_write_iter).
 */
export function wasWrittenTo({ state }: FileLook, sinceMs: number): boolean {
  return state.modifiedMs >= sinceMs - CLOCK_TICK_MS;
}

/** File times are those of the last tick of the clock: 10 ms at HZ=100. */
const CLOCK_TICK_MS = 10;

/**
 * A write was begun, and the file did not grow, though whatever was written would have gone to its end. So it failed,
 * even if the process wrote elsewhere meanwhile, as one that logs its failures does.
 */
export function didNotGrow(before: FileLook, now: FileLook): boolean {
  const sameFile = before.state.device === now.state.device && before.state.inode === now.state.inode;
  if (!sameFile || before.state.sizeBytes !== now.state.sizeBytes) return false;
  return now.state.modifiedMs > before.state.modifiedMs && isAtEnd(before) && isAtEnd(now);
}

function isAtEnd({ file, state }: FileLook): boolean {
  return file.appends || (state.sizeBytes > 0 && file.position === state.sizeBytes);
}

/** Calls that are refused for a moment may be those of such a file. */
export function mayBeRefused(files: readonly OpenFile[]): boolean {
  return files.some((file) => file.canWrite && file.nonBlocking && isStream(file));
}
