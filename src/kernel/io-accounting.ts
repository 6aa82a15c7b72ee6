/** What a process has read and written: /proc/PID/io, for those that we may trace. proc_pid_io(5). */
import { readText } from "./procfs.ts";

export interface IoAccounting {
  /** Bytes that its calls got and gave, from and to anything: files, pipes, terminals. */
  readBytes: number;
  writtenBytes: number;
  /** Calls, those that failed too: fs/read_write.c counts a call in any case, and its bytes only where there are some. */
  readCalls: number;
  writeCalls: number;
  /** Bytes that it had a device read or that it gave for writing to one; a read that fails there is counted too. */
  storageReadBytes: number;
  storageWriteBytes: number;
}

/** Undefined where the process is gone, or we may not look. */
export function readIoAccounting(proc: string, pid: number): IoAccounting | undefined {
  const text = readText(`${proc}/${pid}/io`);
  return text === undefined ? undefined : parseIoAccounting(text);
}

export function parseIoAccounting(text: string): IoAccounting | undefined {
  const [readBytes, writtenBytes, readCalls, writeCalls, storageReadBytes, storageWriteBytes] = FIELDS.map((field) => {
    const digits = field.exec(text)?.[1];
    return digits === undefined ? undefined : Number(digits);
  });
  if (
    readBytes === undefined ||
    writtenBytes === undefined ||
    readCalls === undefined ||
    writeCalls === undefined ||
    storageReadBytes === undefined ||
    storageWriteBytes === undefined
  ) {
    return undefined;
  }
  return { readBytes, writtenBytes, readCalls, writeCalls, storageReadBytes, storageWriteBytes };
}

const FIELDS = ["rchar", "wchar", "syscr", "syscw", "read_bytes", "write_bytes"].map(
  (name) => new RegExp(`^${name}: (\\d+)\\n`, "m"),
);
