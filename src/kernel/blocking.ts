/**
 * Reads of /proc files that may hang, with a deadline. A helper process does them; when it hangs it is killed and
 * replaced, the process it hung on is left alone for a while, and the questions behind it go on.
 */
import type { DrmSample } from "./drm-sampler.ts";
import type { Variables } from "./environ.ts";
import type { FileState, FileSystemUse } from "./file-use.ts";
import { HelperProcess } from "./helper-process.ts";
import type { Question } from "./helper-process.ts";
import type { LinkTable } from "./rtnetlink.ts";
import { Sickness } from "./sickness.ts";
import type { UnixPeer } from "./sockets.ts";

export interface BlockingRequest {
  pid: number;
  file: "cmdline" | "maps" | "smaps_rollup" | "numa_maps";
  /** Bytes; more is cut off. */
  limit?: number;
}

interface Job {
  /** A pid, or the path of what belongs to no process. */
  subject: number | string;
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
  readonly #sickness = new Sickness<number | string>();
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

  /** Of the process's environment, as it was when its program started, the variables of these names. */
  async variables(pid: number, names: readonly string[], deadlineMs = 200): Promise<Variables | undefined> {
    const question = { path: `${this.#proc}/${pid}/environ`, limit: MAX_LIMIT_BYTES, variables: names };
    const data = await this.#ask(pid, question, deadlineMs);
    return data === undefined ? undefined : (JSON.parse(data.toString("utf8")) as Variables);
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

  /** The interfaces of the network namespace that the process is in; undefined where they cannot be told. */
  async links(pid: number, deadlineMs = 1000): Promise<LinkTable | undefined> {
    const question = { path: `${this.#proc}/${pid}/ns/net`, limit: MAX_LIMIT_BYTES, links: true } as const;
    const data = await this.#ask(pid, question, deadlineMs);
    return data === undefined ? undefined : (JSON.parse(data.toString("utf8")) as LinkTable);
  }

  /** What statfs says of the file system at a path; undefined where it fails, or does not answer. */
  async fileSystemUse(path: string, deadlineMs = 1000): Promise<FileSystemUse | undefined> {
    const data = await this.#ask(path, { path, limit: MAX_LIMIT_BYTES, stat: "file system" }, deadlineMs);
    return data === undefined ? undefined : (JSON.parse(data.toString("utf8")) as FileSystemUse);
  }

  /** What stat says of a file that a process has open. */
  async openFileState(pid: number, fd: number, deadlineMs = 200): Promise<FileState | undefined> {
    const question = { path: `${this.#proc}/${pid}/fd/${fd}`, limit: MAX_LIMIT_BYTES, stat: "file" } as const;
    const data = await this.#ask(pid, question, deadlineMs);
    return data === undefined ? undefined : (JSON.parse(data.toString("utf8")) as FileState);
  }

  /** Graphics cards and who uses them, by what stands in `root`'s proc and sys; undefined where a card does not answer. */
  async drmSample(root: string, deadlineMs: number): Promise<DrmSample | undefined> {
    const data = await this.#ask("drm", { path: root, limit: MAX_LIMIT_BYTES, drm: true }, deadlineMs);
    return data === undefined ? undefined : (JSON.parse(data.toString("utf8")) as DrmSample);
  }

  /** A file by which a device is asked, and which waits for the device's answer. */
  async readFrom(path: string, limit: number, deadlineMs = 1000): Promise<string | undefined> {
    return (await this.#ask(path, { path, limit }, deadlineMs))?.toString("utf8");
  }

  /** Processes that a read hung on and that are left alone for now. */
  sick(): number[] {
    return this.#sickness.list(performance.now()).filter((subject) => typeof subject === "number");
  }

  /** Ends the helper. What is still asked, and all that is asked later, is answered with undefined. */
  close(): void {
    this.#closed = true;
    this.#dropHelper();
    for (const job of [...this.#asked.splice(0), ...this.#waiting.splice(0)]) job.settle(undefined);
  }

  #ask(subject: number | string, question: Question, deadlineMs: number): Promise<Buffer | undefined> {
    const limit = Math.min(question.limit, MAX_LIMIT_BYTES);
    if (this.#closed || !(limit > 0) || this.#waiting.length >= MAX_WAITING) return Promise.resolve(undefined);
    return new Promise((settle) => {
      this.#waiting.push({ subject, question: { ...question, limit }, deadlineMs, settle });
      this.#pump();
    });
  }

  #pump(): void {
    const idle = this.#asked.length === 0;
    while (this.#asked.length < WINDOW) {
      const job = this.#waiting.shift();
      if (job === undefined) break;
      const helper = this.#sickness.has(job.subject, performance.now()) ? undefined : this.#liveHelper();
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
    this.#sickness.answered(job.subject);
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
            if (helper.ready) this.#sickness.hung(oldest.subject, performance.now());
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
