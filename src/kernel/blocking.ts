/**
 * Reads of /proc files that may hang, with a deadline. A helper process does them; when it hangs it is killed and
 * replaced, the process it hung on is left alone for a while, and the questions behind it go on.
 */
import { HelperProcess } from "./helper-process.ts";
import type { Question } from "./helper-process.ts";
import { Sickness } from "./sickness.ts";
import type { UnixPeer } from "./sockets.ts";

export interface BlockingRequest {
  pid: number;
  file: "cmdline" | "environ" | "maps" | "smaps_rollup" | "numa_maps";
  /** Bytes; more is cut off. */
  limit?: number;
}

interface Job {
  pid: number;
  question: Question;
  deadlineMs: number;
  settle(data: Buffer | undefined): void;
}

const DEFAULT_LIMIT_BYTES = 4096;
const MAX_LIMIT_BYTES = 1 << 20;
const MAX_WAITING = 1 << 16;
/** Questions the helper holds at once: enough to keep it busy, few enough to ask again. */
const WINDOW = 32;
const START_MS = 10_000;
const START_AGAIN_MS = 1000;
/** Killed helpers that the kernel keeps; with so many, nothing is read until one goes. */
const MAX_UNDEAD = 4;
/** A helper that wants to run and gets no CPU is given so many deadlines. */
const STARVED_DEADLINES = 25;

export class BlockingReader {
  readonly #proc: string;
  readonly #sickness = new Sickness();
  readonly #waiting: Job[] = [];
  /** Asked and not answered, oldest first. */
  readonly #asked: Job[] = [];
  #helper: HelperProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #startNotBefore = 0;
  #closed = false;

  constructor(proc = "/proc") {
    this.#proc = proc;
  }

  /**
   * Each file's text, in the order of the requests; undefined where the process is gone, we may not read it, or the
   * read hangs. Each request has `deadlineMs` of its own, from when its turn comes.
   */
  async read(requests: readonly BlockingRequest[], deadlineMs = 200): Promise<(string | undefined)[]> {
    const answers = requests.map(({ pid, file, limit = DEFAULT_LIMIT_BYTES }) =>
      this.#ask(pid, { path: `${this.#proc}/${pid}/${file}`, limit }, deadlineMs),
    );
    return (await Promise.all(answers)).map((data) => data?.toString("utf8"));
  }

  /** A process's memory; undefined unless all of it can be read. Needs the right to trace the process. */
  async readMemory(pid: number, address: bigint, length: number, deadlineMs = 200): Promise<Buffer | undefined> {
    if (address < 0n || address >= 1n << 63n) return undefined;
    const question = { path: `${this.#proc}/${pid}/mem`, limit: length, position: String(address) };
    const data = await this.#ask(pid, question, deadlineMs);
    return data?.length === length ? data : undefined;
  }

  /** Every unix socket of the network namespace that the process is in; or why they cannot be told. */
  async unixPeers(pid: number, deadlineMs = 1000): Promise<Map<number, UnixPeer> | string> {
    const question = { path: `${this.#proc}/${pid}/ns/net`, limit: MAX_LIMIT_BYTES, unix: true } as const;
    const data = await this.#ask(pid, question, deadlineMs);
    if (data === undefined) return "the network namespace cannot be entered";
    return new Map(JSON.parse(data.toString("utf8")) as [number, UnixPeer][]);
  }

  /** Processes that a read hung on and that are left alone for now. */
  sick(): number[] {
    return this.#sickness.list(performance.now());
  }

  /** Ends the helper. What is still asked, and all that is asked later, is answered with undefined. */
  close(): void {
    this.#closed = true;
    this.#dropHelper();
    for (const job of [...this.#asked.splice(0), ...this.#waiting.splice(0)]) job.settle(undefined);
  }

  #ask(pid: number, question: Question, deadlineMs: number): Promise<Buffer | undefined> {
    const limit = Math.min(question.limit, MAX_LIMIT_BYTES);
    if (this.#closed || !(limit > 0) || this.#waiting.length >= MAX_WAITING) return Promise.resolve(undefined);
    return new Promise((settle) => {
      this.#waiting.push({ pid, question: { ...question, limit }, deadlineMs, settle });
      this.#pump();
    });
  }

  #pump(): void {
    const idle = this.#asked.length === 0;
    while (this.#asked.length < WINDOW) {
      const job = this.#waiting.shift();
      if (job === undefined) break;
      const helper = this.#sickness.has(job.pid, performance.now()) ? undefined : this.#liveHelper();
      if (helper === undefined) {
        job.settle(undefined);
        continue;
      }
      this.#asked.push(job);
      helper.ask(job.question);
    }
    if (idle) this.#watch();
  }

  #liveHelper(): HelperProcess | undefined {
    if (this.#helper !== undefined) return this.#helper;
    if (performance.now() < this.#startNotBefore || HelperProcess.undead >= MAX_UNDEAD) return undefined;
    try {
      this.#helper = new HelperProcess({
        ready: () => this.#watch(),
        answer: (data) => this.#answer(data),
        died: () => this.#replace(),
      });
    } catch {
      // No memory for a process: spawn throws what it does not tell by an event.
      this.#startNotBefore = performance.now() + START_AGAIN_MS;
    }
    return this.#helper;
  }

  #answer(data: Buffer | undefined): void {
    const job = this.#asked.shift();
    if (job === undefined) return;
    this.#sickness.answered(job.pid);
    job.settle(data);
    this.#pump();
    this.#watch();
  }

  /** Starts the clock for the oldest question, or for the helper's start. */
  #watch(round = 1): void {
    clearTimeout(this.#timer);
    const [oldest] = this.#asked;
    const helper = this.#helper;
    if (oldest === undefined || helper === undefined) return;
    const timer = setTimeout(
      () => {
        // Timers run before input in a turn of the event loop: an answer that is here already is taken first.
        setImmediate(() => {
          if (this.#timer !== timer) return;
          if (round < STARVED_DEADLINES && helper.isRunnable()) this.#watch(round + 1);
          else {
            if (helper.ready) this.#sickness.hung(oldest.pid, performance.now());
            this.#replace();
          }
        });
      },
      helper.ready ? oldest.deadlineMs : START_MS,
    );
    this.#timer = timer;
  }

  /** The helper hangs or died: its oldest question is given up, the others go to the next helper. */
  #replace(): void {
    const started = this.#helper?.ready === true;
    this.#dropHelper();
    if (!started) this.#startNotBefore = performance.now() + START_AGAIN_MS;
    const [oldest, ...others] = this.#asked.splice(0);
    oldest?.settle(undefined);
    this.#waiting.unshift(...others);
    this.#pump();
  }

  #dropHelper(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#helper?.kill();
    this.#helper = undefined;
  }
}
