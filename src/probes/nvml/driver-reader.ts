/**
 * Readings of all GPUs, each with a deadline. A process does them; when a call hangs in it, it is killed and, after a
 * while, replaced. It must not know what the readings say.
 */
import type { NvmlReading } from "../../kernel/nvml-reading.ts";
import { ReaderLife } from "./reader-life.ts";

export interface Hang {
  /** The call that does not return, as told by the process that made it. */
  call: string;
  /** Where that process hung. */
  where: string;
  /** Of the monotonic clock: since when. */
  sinceMs: number;
}

export type Answer =
  | { kind: "reading"; reading: NvmlReading }
  | { kind: "hung"; hang: Hang }
  /** The library does not work here, and why. */
  | { kind: "failed"; reason: string };

export interface Deadlines {
  /** For the library to start: without nvidia-persistenced it initialises each GPU, which takes seconds. */
  startMs: number;
  readMs: number;
  /** After a hang, the first pause before it is tried again; doubled each time. */
  pauseMs: number;
}

const DEADLINES: Deadlines = { startMs: 30_000, readMs: 3_000, pauseMs: 1_000 };
const MAX_PAUSE_MS = 60_000;
/** Killed processes that the kernel keeps; with so many, none is started until one goes. */
const MAX_UNDEAD = 2;
/** A process that wants to run and gets no CPU is given so many deadlines. */
const STARVED_DEADLINES = 10;

export class DriverReader {
  readonly #deadlines: Deadlines;
  #life: ReaderLife | undefined;
  #isReady = false;
  #settle: ((answer: Answer) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #hang: Hang | undefined;
  #pauseMs: number;
  #startNotBefore = 0;

  constructor(deadlines: Partial<Deadlines> = {}) {
    this.#deadlines = { ...DEADLINES, ...deadlines };
    this.#pauseMs = this.#deadlines.pauseMs;
  }

  /** One at a time: the next is asked for when this one has come. Never rejects. */
  read(): Promise<Answer> {
    return new Promise((settle) => {
      this.#settle = settle;
      if (this.#life === undefined) this.#start();
      else this.#life.ask();
      this.#watch();
    });
  }

  close(): void {
    this.#drop();
    this.#answer({ kind: "failed", reason: "closed" });
  }

  #start(): void {
    if (performance.now() < this.#startNotBefore || ReaderLife.undead >= MAX_UNDEAD) {
      const reason = "earlier calls of NVML still hang";
      this.#answer(this.#hang === undefined ? { kind: "failed", reason } : { kind: "hung", hang: this.#hang });
      return;
    }
    this.#isReady = false;
    try {
      const life: ReaderLife = new ReaderLife({
        ready: () => {
          this.#isReady = true;
          life.ask();
          this.#watch();
        },
        reading: (reading) => {
          this.#hang = undefined;
          this.#pauseMs = this.#deadlines.pauseMs;
          this.#answer({ kind: "reading", reading });
        },
        failed: (reason) => {
          this.#drop();
          this.#answer({ kind: "failed", reason });
        },
      });
      this.#life = life;
    } catch {
      this.#answer({ kind: "failed", reason: "no process can be started to call NVML" });
    }
  }

  /** Starts the clock for the question, or for the start. */
  #watch(round = 1): void {
    clearTimeout(this.#timer);
    const life = this.#life;
    if (this.#settle === undefined || life === undefined) return;
    const timer = setTimeout(
      () => {
        // Timers run before input in a turn of the event loop: an answer that is here already is taken first.
        setImmediate(() => {
          if (this.#timer !== timer || this.#settle === undefined) return;
          if (round < STARVED_DEADLINES && life.isRunnable()) this.#watch(round + 1);
          else this.#giveUp(life);
        });
      },
      this.#isReady ? this.#deadlines.readMs : this.#deadlines.startMs,
    );
    this.#timer = timer;
  }

  #giveUp(life: ReaderLife): void {
    const nowMs = performance.now();
    const waitedMs = this.#isReady ? this.#deadlines.readMs : this.#deadlines.startMs;
    this.#hang = {
      call: life.step === "" ? "its start" : life.step,
      where: life.whereabouts(),
      sinceMs: this.#hang?.sinceMs ?? nowMs - waitedMs,
    };
    this.#drop();
    this.#startNotBefore = nowMs + this.#pauseMs;
    this.#pauseMs = Math.min(this.#pauseMs * 2, MAX_PAUSE_MS);
    this.#answer({ kind: "hung", hang: this.#hang });
  }

  #drop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#life?.kill();
    this.#life = undefined;
  }

  #answer(answer: Answer): void {
    const settle = this.#settle;
    this.#settle = undefined;
    clearTimeout(this.#timer);
    settle?.(answer);
  }
}
