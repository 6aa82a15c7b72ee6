/**
 * What the drivers amdgpu, i915 and xe write into the kernel log when a card hangs, is reset, or does not come back.
 * A record in, what it says out. By messages of 5.4 to 6.18.
 */
import type { KernelMessage } from "./kmsg.ts";

type GpuLogKind =
  /** A process's work on the card did not end in time. */
  | "hang"
  /** A process's work touched memory that it does not have. */
  | "page_fault"
  /** Whose work an amdgpu record just before was about. */
  | "process"
  | "reset_begun"
  | "reset_done"
  | "reset_failed"
  /** The driver has given the card up. */
  | "wedged"
  /** The card does not answer on its bus. */
  | "lost"
  /** The driver has taken up the card anew. */
  | "loaded";

export interface GpuLogRecord {
  kind: GpuLogKind;
  driver: string;
  /** `0000:03:00.0`; older messages do not say which card. */
  pci: string | undefined;
  pid?: number;
  atMs: number;
  text: string;
}

/** One of these names is in every record that is understood here. */
export const GPU_DRIVERS = ["amdgpu", "i915", "xe "] as const;

const PREFIX =
  /^(?:(amdgpu|i915|xe) ([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]): )?(?:amdgpu: )?(?:\[drm(?::\w[^\]]*?(?: \[(\w+)\])?)?\] )?(?:\*ERROR\* )?/;

/** The first that fits counts. A group `pid` where a process is named. */
const MESSAGES: readonly (readonly [kind: GpuLogKind, driver: RegExp, text: RegExp])[] = [
  ["process", /^amdgpu$/, /^\s*(?:Process information: process|Process) .{1,64}? pid (?<pid>\d+) thread /],
  ["hang", /^amdgpu$/, /^ring [\w.]+ timeout, (?!but soft recovered)/],
  [
    "page_fault",
    /^amdgpu$/,
    /^\[\w+\] (?:retry |no-retry )?page fault .*?(?:for process .{1,64}? pid (?<pid>\d+) thread |$)/,
  ],
  ["reset_begun", /^amdgpu$/, /^GPU reset begin!/],
  ["reset_done", /^amdgpu$/, /^GPU reset\(\d+\) succeeded!/],
  [
    "reset_failed",
    /^amdgpu$/,
    /^(?:GPU reset end with ret = -\d+|GPU reset\(\d+\) failed|GPU recovery failed|asic reset failed)/i,
  ],
  ["lost", /^amdgpu$/, /^device lost from bus!/],
  ["hang", /^i915$/, /^GPU HANG: ecode [\w:]+, in .{1,64}? \[(?<pid>\d+)\]/],
  [
    "reset_failed",
    /^i915$/,
    /^(?:Failed to reset chip|Failed to reinitialize GPU|Failed to initialise HW following reset)/,
  ],
  ["reset_done", /^i915$/, /^Resetting chip for /],
  ["wedged", /^i915$/, /^(?:device wedged, needs recovery|Device is wedged)/i],
  ["hang", /^xe$/, /^(?:Tile\d+: )?(?:GT\d+: )?Timedout job: .* in .{1,64}? \[(?<pid>\d+)\]/],
  ["reset_begun", /^xe$/, /^(?:Tile\d+: )?(?:GT\d+: )?reset started$/],
  ["reset_done", /^xe$/, /^(?:Tile\d+: )?(?:GT\d+: )?reset done$/],
  ["reset_failed", /^xe$/, /^(?:Tile\d+: )?(?:GT\d+: )?reset failed /],
  ["wedged", /^xe$/, /^CRITICAL: Xe has declared device .* as wedged/],
  ["wedged", /^(?:amdgpu|xe)$/, /^device wedged, needs recovery/],
];
/** `[drm] Initialized amdgpu 3.57.0 for 0000:03:00.0 on minor 0`; before 6.11 with a date after the version. */
const LOADED = /^\[drm\] Initialized (amdgpu|i915|xe) [\d.]+(?: \d+)? for ([0-9a-f:.]+) on minor \d+/;

/** Undefined where the record says nothing of the kind. */
export function gpuLogRecord({ text, atMs }: KernelMessage): GpuLogRecord | undefined {
  const loaded = LOADED.exec(text);
  if (loaded !== null) return { kind: "loaded", driver: loaded[1] as string, pci: loaded[2], atMs, text };
  const [prefix = "", named, pci, module] = PREFIX.exec(text) ?? [];
  const driver = named ?? module ?? (text.startsWith("amdgpu: ") ? "amdgpu" : undefined);
  if (driver === undefined) return undefined;
  const rest = text.slice(prefix.length);
  for (const [kind, drivers, pattern] of MESSAGES) {
    const match = drivers.test(driver) ? pattern.exec(rest) : null;
    if (match === null) continue;
    const pid = Number(match.groups?.pid ?? 0);
    return { kind, driver, pci, atMs, text, ...(pid > 0 ? { pid } : {}) };
  }
  return undefined;
}
