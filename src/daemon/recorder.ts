/**
 * Every event, one JSON line each, to a file: what `--from` answers from later.
 *
 * A slow disk slows the probes for a moment, then costs events, which are counted; it never stalls the daemon.
 */
import { constants, open, type FileHandle } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { fileErrorText, XctlError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Event } from "../model/event.ts";
import type { RecordingStatus } from "../protocol/methods.ts";
import { wireEvent } from "../protocol/wire-event.ts";

export interface RecorderOptions {
  /** The host of the events that name none. */
  node: string;
  version: string;
  log: Log;
}

/** Above this the probes are asked to wait; above the larger one events are dropped. */
const FULL_CHARS = 4 * 1024 * 1024;
const OVERFULL_CHARS = 16 * 1024 * 1024;
/** A disk that takes longer is no reason to keep a probe waiting. */
const PATIENCE_MS = 200;

/** Throws XctlError where the file exists or cannot be made. */
export async function openRecording(file: string, options: RecorderOptions): Promise<Recorder> {
  try {
    const recorder = new Recorder(file, await openFresh(file), options);
    // The first line names the host: whose pids stand without a host's name in the answers.
    recorder.write([
      {
        ts: Date.now(),
        event_type: "action.exec",
        entity_id: "xctl",
        value: "record",
        attrs: { version: options.version },
      },
    ]);
    return recorder;
  } catch (error) {
    if (error instanceof XctlError) throw error;
    throw new XctlError("failed", `cannot record to ${file}: ${fileErrorText(error)}`);
  }
}

/** A new file; or an empty one of this user's, as mktemp(1) makes it. */
async function openFresh(file: string): Promise<FileHandle> {
  try {
    return await open(file, "wx", 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const { O_WRONLY, O_APPEND, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  const handle = await open(file, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK).catch(() => undefined);
  const stats = await handle?.stat();
  const isOurs = process.getuid === undefined || stats?.uid === process.getuid();
  if (handle !== undefined && stats?.isFile() === true && stats.size === 0 && isOurs) return handle;
  await handle?.close();
  throw new XctlError("failed", `${file}: exists already`, "name another file: a recording is never overwritten");
}

export class Recorder {
  readonly #status: RecordingStatus;
  readonly #handle: FileHandle;
  readonly #options: RecorderOptions;
  #waiting: string[] = [];
  #waitingEvents = 0;
  /** Handed over and not on disk yet, those under way included. */
  #chars = 0;
  #flushing: Promise<void> | undefined;
  /** The disk kept somebody waiting in vain: nobody waits again until it has caught up. */
  #isSlow = false;

  constructor(file: string, handle: FileHandle, options: RecorderOptions) {
    this.#status = { file, written: 0, dropped: 0, error: null };
    this.#handle = handle;
    this.#options = options;
  }

  get status(): Readonly<RecordingStatus> {
    return this.#status;
  }

  /** A promise where the sender had better wait before it sends more. */
  write(events: readonly Event[]): void | Promise<void> {
    if (this.#status.error !== null || this.#chars > OVERFULL_CHARS) {
      this.#drop(events.length);
      return;
    }
    let text = "";
    for (const event of events) text += `${JSON.stringify(wireEvent(event, this.#options.node))}\n`;
    this.#waiting.push(text);
    this.#waitingEvents += events.length;
    this.#chars += text.length;
    this.#flushing ??= this.#flush();
    if (this.#chars > FULL_CHARS && !this.#isSlow) return this.#caughtUp(this.#flushing);
  }

  /** Everything is on disk, or the time is up. */
  async close(timeoutMs: number): Promise<void> {
    const closed = (this.#flushing ?? Promise.resolve()).then(() => this.#handle.close()).catch(() => {});
    await Promise.race([closed, delay(timeoutMs, undefined, { ref: false })]);
  }

  async #caughtUp(flushing: Promise<void>): Promise<void> {
    const late = new AbortController();
    const patience = delay(PATIENCE_MS, true, { signal: late.signal }).catch(() => false);
    this.#isSlow = (await Promise.race([flushing, patience])) === true;
    late.abort();
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const text = this.#waiting.join("");
      const events = this.#waitingEvents;
      this.#waiting = [];
      this.#waitingEvents = 0;
      try {
        await this.#handle.appendFile(text);
        this.#status.written += events;
      } catch (error) {
        this.#fail(fileErrorText(error), events);
      }
      this.#chars -= text.length;
    }
    this.#isSlow = false;
    this.#flushing = undefined;
  }

  #fail(why: string, events: number): void {
    this.#status.error = why;
    this.#status.dropped += events + this.#waitingEvents;
    this.#chars -= this.#waiting.reduce((chars, text) => chars + text.length, 0);
    this.#waiting = [];
    this.#waitingEvents = 0;
    this.#options.log(`recording to ${this.#status.file} has ended: ${why}`);
  }

  #drop(events: number): void {
    if (this.#status.dropped === 0)
      this.#options.log(`the disk is too slow for ${this.#status.file}: events are left out`);
    this.#status.dropped += events;
  }
}
