/**
 * The process probe at work: snapshots and inspections, in whatever order they come, become one stream of events that
 * contradicts itself nowhere. All events pass through one outbox, so whoever empties it hands on what others found too.
 */
import type { BlockingReader } from "../../kernel/blocking.ts";
import { cgroupOf } from "../../kernel/cgroup.ts";
import { isHelper } from "../../kernel/helper-process.ts";
import { hidesProcesses } from "../../kernel/procfs.ts";
import type { Attrs, Event } from "../../model/event.ts";
import { yields } from "../../model/job-ranks.ts";
import { CpuWaits } from "./cpu-waits.ts";
import { FactBook } from "./fact-book.ts";
import { FrozenWatch } from "./frozen.ts";
import { JobBook } from "./job/book.ts";
import { JOB_VARIABLES } from "./job/identity.ts";
import { stopOf } from "./job-stop.ts";
import type { Ebpf } from "./ebpf.ts";
import { dateBack, lookAt, tracerOf } from "./look.ts";
import { isSliceOver, letOthersIn } from "./pace.ts";
import { Serial } from "./serial.ts";
import { description, exitEvent, identityChange, jobChange, startEvents, stateChange } from "./state-events.ts";
import type { ProcessSample, TaskSource } from "./task.ts";
import { mayWait, Tracker, type Change, type TrackedProcess, type TrackedThread } from "./tracker.ts";
import { Tables, View } from "./view.ts";

export interface WatchOptions {
  proc: string;
  source: TaskSource;
  reader: BlockingReader;
  ebpf: Ebpf;
  now(): number;
}

/** Some 10,000 mappings. */
const MAX_MAPS_BYTES = 1 << 20;
const MAX_DRIVER_BYTES = 4096;
/** How old the machine's tables may be for the looks of a pass, and for those that a question leads to. */
const RECENT_MS = 5000;
const ASKED_RECENT_MS = 1000;
/** How old the list of frozen processes may be, for a pass and for a question. */
const FROZEN_MS = 500;
const ASKED_FROZEN_MS = 50;
/** How often a process is looked at again that runs between the looks. */
const MAX_INSPECTIONS = 3;
/** Threads of one process that an inspection looks at. */
const MAX_INSPECTED_THREADS = 256;
/** Threads that one pass looks at; the others' turn comes with the next. */
const MAX_LOOKS_PER_PASS = 4096;
/** Events handed over at once; the graph takes about a millisecond for them. */
const MAX_BATCH = 512;
/** What is told of a wait that others can change: who has the thing, what they do to it, what it amounts to. */
const MAY_CHANGE = ["holder", "links", "cause"] as const;
/** Processes described at once. */
const MAX_DESCRIBED = 128;

export class Watch {
  readonly #proc: string;
  readonly #source: TaskSource;
  readonly #reader: BlockingReader;
  readonly #ebpf: Ebpf;
  readonly #now: () => number;
  readonly #tracker = new Tracker();
  readonly #book = new FactBook();
  readonly #jobs = new JobBook();
  readonly #tables: Tables;
  readonly #frozen: FrozenWatch;
  readonly #cpuWaits: CpuWaits;
  /** A thread is looked at by one at a time: what was seen earlier must not be told later. */
  readonly #looks = new Serial();
  #undescribed = new Set<TrackedProcess>();
  #outbox: Event[] = [];
  #lastPassMs = 0;

  constructor({ proc, source, reader, ebpf, now }: WatchOptions) {
    this.#proc = proc;
    this.#source = source;
    this.#reader = reader;
    this.#ebpf = ebpf;
    this.#now = now;
    const memory = (pid: number, address: bigint, length: number) => reader.readMemory(pid, address, length);
    const maps = async (pid: number) => (await reader.read([{ pid, file: "maps", limit: MAX_MAPS_BYTES }]))[0];
    const unixIn = (pid: number) => reader.unixPeers(pid);
    const linksIn = (pid: number) => reader.links(pid);
    const kernelLocks = source.kernelLocks?.bind(source);
    const driver = (path: string) => reader.readFrom(path, MAX_DRIVER_BYTES);
    this.#tables = new Tables(
      proc,
      { memory, maps, unixIn, linksIn, driver, ...(kernelLocks && { kernelLocks }), files: ebpf.files, now },
      this.#tracker.processes,
    );
    this.#frozen = new FrozenWatch(proc);
    this.#cpuWaits = new CpuWaits(proc, this.#book);
  }

  close(): void {
    this.#tables.storage.close();
  }

  get tasks(): number {
    return this.#tracker.tasks;
  }

  get lastPassMs(): number {
    return this.#lastPassMs;
  }

  /** One pass over the machine; hands over events as soon as there are some. */
  async *pass(): AsyncIterable<Event[]> {
    const begun = performance.now();
    const beganMs = this.#now();
    const samples = await this.#source.snapshot(this.#now);
    this.#outbox.push(...this.#betweenSamples(samples));
    for (const change of this.#tracker.observeAll(samples, beganMs)) {
      this.#outbox.push(...this.#eventsOf(change));
      if (isSliceOver()) await letOthersIn();
    }
    yield* this.#handOver();
    await this.#markFrozen();
    this.#outbox.push(...this.#cpuWaits.observe(this.#tracker.processes.values(), this.#now()));
    await this.#lookAtBlocked();
    yield* this.#handOver();
    const nowMs = this.#now();
    for (const events of this.#book.confirm(nowMs)) {
      this.#outbox.push(...events);
      if (this.#outbox.length >= MAX_BATCH) yield* this.#handOver();
    }
    yield* this.#handOver();
    this.#lastPassMs = performance.now() - begun;
    while (this.#undescribed.size > 0) {
      await this.#describe([...this.#undescribed].slice(0, MAX_DESCRIBED));
      yield* this.#handOver();
    }
  }

  /** What the samples cannot show: who came and went since the last ones, and who did what to whom. */
  #betweenSamples(samples: readonly ProcessSample[]): Event[] {
    const { lifecycle, stalls } = this.#ebpf;
    let shown: Map<number, number> | undefined;
    const isKnown = (pid: number, startTicks: number) => {
      if (this.#tracker.processes.get(pid)?.startTicks === startTicks) return true;
      shown ??= new Map(samples.map((sample) => [sample.pid, sample.startTicks]));
      return shown.get(pid) === startTicks;
    };
    const nowMs = this.#now();
    return [...(lifecycle?.events(isKnown, nowMs) ?? []), ...(stalls?.events(nowMs) ?? [])];
  }

  /**
   * These processes as they are now, their waits looked at however short they are. Nobody takes what comes after the
   * signal, so that is left to the next pass.
   */
  async inspect(pids: readonly number[], signal: AbortSignal): Promise<Event[]> {
    const view = new View(this.#tables, ASKED_RECENT_MS);
    for (const pid of new Set(pids)) await this.#looks.run(() => this.#inspectOne(pid, view));
    const processes = pids.flatMap((pid) => this.#tracker.processes.get(pid) ?? []);
    await this.#describe(processes.filter((process) => this.#undescribed.has(process)));
    await this.#lookForPolling(processes, signal);
    return signal.aborted ? [] : this.#outbox.splice(0);
  }

  /** Who wakes many times a second has often run again before its wait was seen through; what is known by then stays. */
  async #inspectOne(pid: number, view: View): Promise<void> {
    for (let tries = 0; tries < MAX_INSPECTIONS; tries++) if (await this.#inspectOnce(pid, view)) return;
  }

  /** False where its main thread sleeps, but has run before what it waits for could be told. */
  async #inspectOnce(pid: number, view: View): Promise<boolean> {
    const sample = await this.#source.sample(pid, this.#now());
    const changes = sample === undefined ? this.#tracker.gone(pid) : this.#tracker.observe(sample);
    for (const change of changes) this.#outbox.push(...this.#eventsOf(change));
    const process = this.#tracker.processes.get(pid);
    if (process === undefined) return true;
    const freeze = (await this.#frozen.all(ASKED_FROZEN_MS)).get(pid);
    for (const change of this.#tracker.setFreeze(process, freeze, this.#now())) {
      this.#outbox.push(...this.#eventsOf(change));
    }
    this.#explainStop(process);
    this.#outbox.push(stateChange(process, this.#now(), paceOf(process)));
    let isSettled = true;
    let left = MAX_INSPECTED_THREADS;
    for (const thread of process.threadsByTid.values()) {
      if (isSliceOver()) await letOthersIn();
      if (!mayWait(process, thread) || left-- <= 0) continue;
      const told = await this.#look(process, thread, view);
      if (thread.tid === pid) isSettled = told;
    }
    return isSettled;
  }

  /** Of ranks that keep their CPU, for which others may be waiting, or which may spin for them. */
  async #lookForPolling(processes: readonly TrackedProcess[], signal: AbortSignal): Promise<void> {
    const busy = processes.filter(
      (process) =>
        process.state === "running" && this.#jobs.isRank(process) && !yields({ switchesPerS: switchesOf(process) }),
    );
    const found = (await this.#ebpf.polling?.look(busy, signal)) ?? [];
    for (const [process, attrs] of found) {
      const isCurrent = this.#tracker.processes.get(process.pid) === process;
      if (isCurrent) this.#outbox.push(stateChange(process, this.#now(), attrs));
    }
  }

  async #markFrozen(): Promise<void> {
    const frozen = await this.#frozen.all(FROZEN_MS);
    for (const [pid, freeze] of frozen) {
      const process = this.#tracker.processes.get(pid);
      if (process === undefined) continue;
      for (const change of this.#tracker.setFreeze(process, freeze, this.#now())) {
        this.#outbox.push(...this.#eventsOf(change));
      }
    }
    // Whom a thaw leaves in its wait has not run either: only a look of its own shows its real state.
    const thawed = Array.from(this.#tracker.frozen(), ({ pid }) => pid).filter((pid) => !frozen.has(pid));
    const view = new View(this.#tables, RECENT_MS);
    for (const pid of thawed) await this.#looks.run(() => this.#inspectOne(pid, view));
  }

  /** But not at our own helpers: a look has one read, and its next sleep would be looked at in turn, for ever. */
  async #lookAtBlocked(): Promise<void> {
    const view = new View(this.#tables, RECENT_MS);
    const due = this.#tracker.due(this.#now()).filter(({ process }) => !isHelper(process.pid));
    for (const { process, thread } of due.slice(0, MAX_LOOKS_PER_PASS)) {
      if (isSliceOver()) await letOthersIn();
      await this.#looks.run(() => this.#look(process, thread, view));
    }
  }

  /** Whether its wait could be told. */
  async #look(process: TrackedProcess, thread: TrackedThread, view: View): Promise<boolean> {
    dateBack(process, thread, this.#proc, this.#now());
    const { switches } = thread;
    const facts = await lookAt(process, thread, view);
    // While it was being looked at, a snapshot may have seen it run, or the process go.
    const isCurrent = this.#tracker.processes.get(process.pid) === process && thread.switches === switches;
    if (!isCurrent || process.threadsByTid.get(thread.tid) !== thread) return false;
    const nowMs = this.#now();
    thread.lookedMs = nowMs;
    thread.namesOthers = facts.some((fact) => fact.type === "held" || MAY_CHANGE.some((name) => name in fact.attrs));
    this.#outbox.push(...this.#book.replace(finderOf(process, thread.tid), facts, nowMs));
    return facts.length > 0;
  }

  #eventsOf(change: Change): Event[] {
    const { process } = change;
    const nowMs = this.#now();
    this.#explainStop(process);
    switch (change.type) {
      case "start":
        if (!process.kthread) this.#undescribed.add(process);
        return [...startEvents(process, nowMs), ...this.#tracer(process, nowMs)];
      case "identity":
        if (change.recast && !process.kthread) this.#undescribed.add(process);
        this.#jobs.moved(process);
        return [identityChange(process, nowMs)];
      case "state":
        return [stateChange(process, nowMs), ...this.#tracer(process, nowMs)];
      case "ran":
        return this.#book.forget(finderOf(process, change.tid), nowMs);
      case "exit":
        this.#undescribed.delete(process);
        this.#jobs.gone(process);
        return [
          ...this.#book.forget(finderOf(process, "state"), nowMs),
          exitEvent(process, this.#ebpf.lifecycle?.endOf(process.pid, process.startTicks) ?? {}, nowMs),
        ];
    }
  }

  #explainStop(process: TrackedProcess): void {
    const { pid, startTicks, state } = process;
    const stop = state === "stopped" ? stopOf(this.#proc, pid) : undefined;
    process.stop = stop && { ...stop, sent: this.#ebpf.lifecycle?.stopOf(pid, startTicks) };
  }

  #tracer(process: TrackedProcess, nowMs: number): Event[] {
    return this.#book.replace(finderOf(process, "state"), tracerOf(process, this.#proc), nowMs);
  }

  /** Reading a command line or an environment may take for ever, so a process is told at once, and described afterwards. */
  async #describe(processes: readonly TrackedProcess[]): Promise<void> {
    for (const process of processes) this.#undescribed.delete(process);
    const [cmdlines, environments] = await Promise.all([
      this.#reader.read(processes.map(({ pid }) => ({ pid, file: "cmdline" }))),
      Promise.all(processes.map(({ pid }) => this.#reader.variables(pid, JOB_VARIABLES))),
    ]);
    for (const [index, process] of processes.entries()) {
      if (isSliceOver()) await letOthersIn();
      if (this.#tracker.processes.get(process.pid) !== process) continue;
      const isOurs = process.pid === globalThis.process.pid;
      const unseen = isOurs && hidesProcesses(this.#proc) ? "processes" : undefined;
      const [cmdline, cgroup] = [cmdlines[index], cgroupOf(this.#proc, process.pid)];
      this.#jobs.told(process, { cmdline, cgroup, variables: environments[index] });
      this.#outbox.push(description(process, { cmdline, cgroup, unseen }, this.#now()));
    }
    for (const change of this.#jobs.changes()) this.#outbox.push(jobChange(change, this.#now()));
  }

  /** Whoever takes them works as long as he has events, so they are handed over some at a time. */
  async *#handOver(): AsyncIterable<Event[]> {
    while (this.#outbox.length > 0) {
      yield this.#outbox.splice(0, MAX_BATCH);
      if (isSliceOver()) await letOthersIn();
    }
  }
}

/** Of one that runs: whether it keeps its CPU or gives it up over and over. */
function paceOf(process: TrackedProcess): Attrs {
  const rate = process.state === "running" ? switchesOf(process) : undefined;
  return rate === undefined ? {} : { switches_per_s: rate };
}

function switchesOf({ pid, threadsByTid }: TrackedProcess): number | undefined {
  return threadsByTid.get(pid)?.switchesPerS;
}

/** In whose name a fact stands in the book. */
function finderOf(process: TrackedProcess, what: number | "state"): string {
  return `${process.pid}/${what}`;
}
