/**
 * XIDs, of which the driver tells twice: in the kernel log, with the process, and by an event of NVML's, without. Each is
 * told once, tied to a process only where it is shown to be that one's, and as following another where it does.
 */
import type { Attrs, Event } from "../../model/event.ts";
import { gpuErrorEntry, meaningWords, type GpuErrorEntry } from "../../model/xid.ts";
import type { KnownGpu } from "./gpu-names.ts";

export interface Xid {
  gpu: KnownGpu;
  /** The GPU's entity, or its instance's. */
  entity: string;
  code: number;
  /** Known to be the process that the driver means. */
  pid?: number;
  atMs: number;
  source: string;
  observed: string;
}

/** The log and the event of the same XID come within a second. */
const SAME_MS = 5_000;
/** A storm of the same one is told so often. */
const STORM_MS = 1_000;
/** These come of whatever went wrong just before: the channel's reset, the cleaning up, the action that is now needed. */
const CONSEQUENCES: ReadonlySet<number> = new Set([43, 45, 154]);
const CONSEQUENCE_MS = 10_000;
const AGAIN_MS = 30_000;
const MAX_REMEMBERED = 1024;
const MAX_OBSERVED = 400;

interface Standing {
  event: Event;
  toldMs: number;
  gpu: string;
  /** On the GPU when it happened. */
  pids: ReadonlySet<number>;
}

export class XidBook {
  readonly #lastOfKind = new Map<string, number>();
  readonly #lastCause = new Map<string, { code: number; atMs: number }>();
  readonly #standing = new Map<string, Standing>();

  /** `users`: the processes on the GPU. Nothing where it was told already. */
  take(xid: Xid, users: ReadonlySet<number>): Event[] {
    if (this.#isKnown(xid)) return [];
    const follows = this.#followed(xid);
    const event = eventOf(xid, follows);
    if (event.attrs?.severity === "fault" && event.attrs.scope === undefined && needsReset(xid.code)) {
      const toldMs = xid.atMs;
      this.#standing.set(`${xid.entity} ${xid.code}`, { event, toldMs, gpu: xid.gpu.entity, pids: users });
    }
    return [event];
  }

  /**
   * A GPU that needs a reset needs it until all processes that were on it are gone, for it is not reset before: as long
   * the error is told again.
   */
  again(usersOf: (gpu: string) => ReadonlySet<number>, nowMs: number): Event[] {
    const events: Event[] = [];
    for (const [key, standing] of this.#standing) {
      const users = usersOf(standing.gpu);
      if (![...standing.pids].some((pid) => users.has(pid))) this.#standing.delete(key);
      else if (nowMs - standing.toldMs >= AGAIN_MS) {
        standing.toldMs = nowMs;
        events.push({ ...standing.event, ts: nowMs });
      }
    }
    return events;
  }

  #isKnown({ gpu, code, pid, atMs }: Xid): boolean {
    const kind = `${gpu.entity} ${code}`;
    const ofThis = `${kind} ${pid ?? ""}`;
    const [atKind, atThis] = [this.#lastOfKind.get(kind), this.#lastOfKind.get(ofThis)];
    const isKnown =
      (atThis !== undefined && atMs - atThis < STORM_MS) ||
      (pid === undefined && atKind !== undefined && atMs - atKind < SAME_MS);
    if (isKnown) return true;
    for (const key of [kind, ofThis]) {
      this.#lastOfKind.delete(key);
      this.#lastOfKind.set(key, atMs);
    }
    while (this.#lastOfKind.size > MAX_REMEMBERED) {
      this.#lastOfKind.delete(this.#lastOfKind.keys().next().value as string);
    }
    return false;
  }

  #followed({ gpu, code, atMs }: Xid): number | undefined {
    const cause = this.#lastCause.get(gpu.entity);
    if (!CONSEQUENCES.has(code)) this.#lastCause.set(gpu.entity, { code, atMs });
    else if (cause !== undefined && atMs - cause.atMs < CONSEQUENCE_MS) return cause.code;
    return undefined;
  }
}

function eventOf(xid: Xid, follows: number | undefined): Event {
  const { gpu, entity, code, pid, atMs, source, observed } = xid;
  const entry = gpuErrorEntry(`XID_${code}`);
  const attrs: Attrs = {
    ...weightOf(entry, pid, follows),
    source,
    observed: observed.slice(0, MAX_OBSERVED).toWellFormed(),
    xid: code,
  };
  if (entry !== undefined) Object.assign(attrs, { blame: entry.blame, meaning: meaningWords(entry.meaning) });
  if (follows !== undefined) attrs.follows = `XID_${follows}`;
  if (gpu.uuid !== undefined) attrs.object = gpu.uuid.slice(0, 96).toWellFormed();
  const words = follows === undefined ? entry && meaningWords(entry.meaning) : `follows XID ${follows}`;
  const value = words === undefined ? `XID_${code}` : `XID_${code}:${words}`;
  return { ts: atMs, event_type: "error.hw", entity_id: entity, ...(pid === undefined ? {} : { pid }), value, attrs };
}

/**
 * Of one process: only that is hit, and where it is not known, nobody is. An XID that no catalogue has, or that follows
 * another, is no reason by itself why a process stands still.
 */
function weightOf(entry: GpuErrorEntry | undefined, pid: number | undefined, follows: number | undefined): Attrs {
  const reach = entry?.reach ?? "nobody";
  if (follows !== undefined || reach === "nobody") return { severity: "warning", scope: "process" };
  if (reach === "gpu") return { severity: "fault" };
  return { severity: pid === undefined ? "warning" : "fault", scope: "process" };
}

function needsReset(code: number): boolean {
  const action = gpuErrorEntry(`XID_${code}`)?.action;
  return action === "reset_gpu" || action === "restart_machine";
}
