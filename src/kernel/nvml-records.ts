/**
 * The records that NVML writes: nvml.h's structs, byte by byte, on a 64-bit little-endian machine. Nothing here calls
 * the library.
 */

/** nvmlPciInfo_t of nvmlDeviceGetPciInfo_v3: the legacy id, five numbers, the id. */
export const PCI_INFO_BYTES = 68;
const PCI_BUS_ID_AT = 36;

/** nvmlMemory_v2_t; its first field says its size and version. */
export const MEMORY_V2_BYTES = 40;
export const MEMORY_V2_VERSION = MEMORY_V2_BYTES | (2 << 24);
/** nvmlMemory_t: total, free, used. */
export const MEMORY_V1_BYTES = 24;

/** nvmlProcessUtilizationSample_t */
export const SAMPLE_BYTES = 32;

/** nvmlEventData_t: the device, the type, the data, and of _v2 the GPU and compute instance. */
export const EVENT_BYTES = 32;

/** The largest nvmlProcessInfo_t there ever was. */
export const PROCESS_BYTES = 32;
/** What a process's buffer is filled with before the call, which tells how much of it was written. */
export const UNWRITTEN = 0xa5;
/** Of nvmlProcessInfo_v1_t, without MIG's instances. */
const PROCESS_V1_BYTES = 16;
const PROCESS_V2_BYTES = 24;
const INSTANCE_AT = 16;

/** NVML_VALUE_NOT_AVAILABLE */
const NOT_AVAILABLE = 0xffff_ffff_ffff_ffffn;
/** An instance's id where there is none. */
const NO_INSTANCE = 0xffff_ffff;

export interface ProcessRecord {
  pid: number;
  usedBytes?: number;
  gpuInstance?: number;
  computeInstance?: number;
}

export interface SampleRecord {
  pid: number;
  /** Microseconds, of the CPU's clock. */
  atUs: bigint;
  smPercent: number;
}

export interface EventRecord {
  device: bigint;
  type: bigint;
  data: bigint;
  gpuInstance?: number;
  computeInstance?: number;
}

/** `00000000:00:06.0`, as NVML writes it → `0000:00:06.0`, as the kernel does; undefined for what is no PCI address. */
export function normalPci(text: string): string | undefined {
  const match = /^([0-9a-f]{1,8}):([0-9a-f]{2}):([0-9a-f]{2})(?:\.([0-7]))?$/i.exec(text.trim());
  if (match === null) return undefined;
  const [, domain = "", bus, device, fn = "0"] = match;
  return `${Number.parseInt(domain, 16).toString(16).padStart(4, "0")}:${bus}:${device}.${fn}`.toLowerCase();
}

export function pciOf(record: Buffer): string | undefined {
  return normalPci(textOf(record.subarray(PCI_BUS_ID_AT)));
}

/** Up to the first NUL; what is no UTF-8 becomes U+FFFD. */
export function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
}

/** Bytes used and in all; of the second version "used" leaves out what the driver keeps for itself. */
export function memoryOf(record: Buffer): { usedBytes: number; totalBytes: number } {
  const [totalAt, usedAt] = record.length === MEMORY_V2_BYTES ? [8, 32] : [0, 16];
  return { totalBytes: Number(record.readBigUInt64LE(totalAt)), usedBytes: Number(record.readBigUInt64LE(usedAt)) };
}

/**
 * The first `count` processes of a buffer that was filled with UNWRITTEN before the call. Drivers 535.43 to 535.86 wrote
 * 32 bytes a process where all others write 24, under the same function's name: how far it wrote tells.
 */
export function processesOf(buffer: Buffer, count: number, isFirstVersion: boolean): ProcessRecord[] {
  let written = buffer.length;
  while (written > 0 && buffer[written - 1] === UNWRITTEN) written--;
  const isWide = !isFirstVersion && written > count * PROCESS_V2_BYTES;
  const stride = isFirstVersion ? PROCESS_V1_BYTES : isWide ? PROCESS_BYTES : PROCESS_V2_BYTES;
  return records(buffer, count, stride, (record) => {
    const used = record.readBigUInt64LE(8);
    return {
      pid: record.readUInt32LE(0),
      ...(used === NOT_AVAILABLE ? {} : { usedBytes: Number(used) }),
      ...(isFirstVersion ? {} : instancesOf(record, INSTANCE_AT)),
    };
  });
}

export function samplesOf(buffer: Buffer, count: number): SampleRecord[] {
  return records(buffer, count, SAMPLE_BYTES, (record) => ({
    pid: record.readUInt32LE(0),
    atUs: record.readBigUInt64LE(8),
    smPercent: record.readUInt32LE(16),
  }));
}

export function eventOf(record: Buffer): EventRecord {
  return {
    device: record.readBigUInt64LE(0),
    type: record.readBigUInt64LE(8),
    data: record.readBigUInt64LE(16),
    ...instancesOf(record, 24),
  };
}

function records<T>(buffer: Buffer, count: number, bytes: number, read: (record: Buffer) => T): T[] {
  const fitting = Math.min(count, Math.floor(buffer.length / bytes));
  return Array.from({ length: fitting }, (_, index) => read(buffer.subarray(index * bytes, (index + 1) * bytes)));
}

function instancesOf(record: Buffer, at: number): { gpuInstance?: number; computeInstance?: number } {
  const [gpuInstance, computeInstance] = [record.readUInt32LE(at), record.readUInt32LE(at + 4)];
  return {
    ...(gpuInstance === NO_INSTANCE ? {} : { gpuInstance }),
    ...(computeInstance === NO_INSTANCE ? {} : { computeInstance }),
  };
}
