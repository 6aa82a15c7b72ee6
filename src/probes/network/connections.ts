/**
 * The TCP connections of the daemon's network namespace: one look at all of them a pass, and a closer one at those in
 * trouble. Only of these, and of the busiest, it is asked whose they are. It must not know of interfaces.
 */
import type { BpfFiles } from "../../kernel/bpf-files.ts";
import { readTcpCounters } from "../../kernel/tcp-counters.ts";
import { readTcpTable, type TcpSocket, type TcpTable } from "../../kernel/tcp-info.ts";
import type { Event } from "../../model/event.ts";
import { Standing, type Trouble as Told } from "../standing.ts";
import { Cases, NO_LOOK, type Case } from "./connection-cases.ts";
import { entityOf, queueFullTrouble, retransmitTrouble, sumsOf } from "./connection-events.ts";
import { Stalls } from "./connection-stalls.ts";
import { busiest, Traffic } from "./connection-traffic.ts";
import { hasAnswered, isQueueFull } from "./connection-trouble.ts";
import { SocketOwners } from "./socket-owners.ts";

export interface ConnectionsOptions {
  /** Where proc is mounted. */
  proc: string;
  /** Tells whose a socket is, instead of a walk over /proc. */
  files?: BpfFiles | undefined;
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

/** Some 20 ms of the kernel's time and 60 ms of ours. */
const MAX_SOCKETS = 20_000;
/** A look that took 20 ms is taken at most once a second: 2 % of a core. */
const REST_PER_COST = 50;
const MAX_REST_MS = 30_000;
/** Told at a time: where a whole network is cut off, thousands are in the same trouble. */
const MAX_CASES = 64;
const MAX_FIGURES = 32;
/** What comes and goes is told as one trouble. */
const LOSS_LINGERS_MS = 6000;
/** Where not all connections were looked at, one that did not show may be in trouble still. */
const UNSEEN_LINGERS_MS = 60_000;

export class Connections {
  readonly #proc: string;
  readonly #owners: SocketOwners;
  readonly #cases = new Cases();
  readonly #stalls: Stalls;
  readonly #traffic: Traffic;
  readonly #standing = new Standing();
  /** What is wrong, by entity, and until when it counts without being seen again. */
  readonly #troubles = new Map<string, { told: Told; untilMs: number }>();
  /** Listening sockets whose queue was full at the last look, by cookie. */
  #full = new Set<number>();
  #last = NO_LOOK;
  #lookNotBeforeMs = Number.NEGATIVE_INFINITY;
  #states: Map<TcpSocket["state"], number> | undefined;
  #retransmitted: { atMs: number; segments: number } | undefined;

  constructor({ proc, files }: ConnectionsOptions) {
    this.#proc = proc;
    this.#owners = new SocketOwners(proc, files);
    this.#stalls = new Stalls(proc, this.#owners);
    this.#traffic = new Traffic(this.#owners);
  }

  /** One pass, at `nowMs`. Never throws: what cannot be read is not told. */
  async look(nowMs: number): Promise<Event[]> {
    const begunMs = performance.now();
    const table = begunMs >= this.#lookNotBeforeMs ? await this.#read(begunMs) : undefined;
    const events = table === undefined ? [] : await this.#tell(table, begunMs, nowMs);
    return [this.#sums(nowMs), ...events];
  }

  close(): void {
    this.#last = NO_LOOK;
  }

  async #read(begunMs: number): Promise<TcpTable | undefined> {
    const table = await readTcpTable(MAX_SOCKETS);
    const costMs = performance.now() - begunMs;
    this.#lookNotBeforeMs = begunMs + Math.min(costMs * REST_PER_COST, MAX_REST_MS);
    return typeof table === "string" ? undefined : table;
  }

  async #tell({ sockets, complete }: TcpTable, atMs: number, nowMs: number): Promise<Event[]> {
    const before = this.#last;
    const look = { atMs, byCookie: new Map(sockets.map((socket) => [socket.cookie, socket])) };
    this.#last = look;
    this.#states = new Map();
    for (const { state } of sockets) this.#states.set(state, (this.#states.get(state) ?? 0) + 1);
    const cases = this.#cases.find(look, before).slice(0, MAX_CASES);
    const full = sockets.filter(isQueueFull).slice(0, MAX_CASES);
    const inTrouble = cases.map(({ socket }) => socket);
    const busy = busiest(look, before, MAX_FIGURES);
    await this.#owners.learn(inodesOf([...inTrouble, ...full]), "trouble");
    await this.#owners.learn(inodesOf(busy), "figures");
    const shown = [...new Set([...inTrouble, ...busy])].slice(0, MAX_FIGURES);
    return [
      ...this.#tellTroubles([...networkTroubles(cases), ...this.#queueTroubles(full)], complete, nowMs),
      ...(await this.#stalls.tell(cases, nowMs)),
      ...this.#traffic.tell(shown, look, before, nowMs),
    ];
  }

  #tellTroubles(troubles: readonly Told[], isComplete: boolean, nowMs: number): Event[] {
    for (const told of troubles) {
      const lingersMs = !isComplete ? UNSEEN_LINGERS_MS : told.cause === "network.loss" ? LOSS_LINGERS_MS : 0;
      this.#troubles.set(told.entity, { told, untilMs: nowMs + lingersMs });
    }
    for (const [entity, { untilMs }] of this.#troubles) if (untilMs < nowMs) this.#troubles.delete(entity);
    const holding = Array.from(this.#troubles.values(), ({ told }) => told);
    return this.#standing.update(holding, nowMs);
  }

  /** A burst may fill a queue for a moment: told is what is full at two looks in a row. */
  #queueTroubles(full: readonly TcpSocket[]): Told[] {
    const still = full.filter(({ cookie }) => this.#full.has(cookie));
    this.#full = new Set(full.map(({ cookie }) => cookie));
    return still.map((listener) => queueFullTrouble(listener, this.#owners.of(listener.inode)[0]?.pid));
  }

  #sums(nowMs: number): Event {
    const atMs = performance.now();
    const counters = readTcpCounters(this.#proc);
    const { retransmitted: segments } = counters;
    const before = this.#retransmitted;
    this.#retransmitted = segments === undefined ? undefined : { atMs, segments };
    const isRate = segments !== undefined && before !== undefined && atMs > before.atMs;
    const perSecond = isRate ? (1000 * (segments - before.segments)) / (atMs - before.atMs) : 0;
    return sumsOf(counters, this.#states, perSecond, nowMs);
  }
}

/** Both ends name the same connection: the worse of the two, which comes first, is told. */
function networkTroubles(cases: readonly Case[]): Told[] {
  const worst = new Map<string, Told>();
  for (const { socket, trouble } of cases) {
    if (trouble.kind === "window full" || !hasAnswered(socket) || worst.has(entityOf(socket))) continue;
    worst.set(entityOf(socket), retransmitTrouble(socket, trouble));
  }
  return [...worst.values()];
}

function inodesOf(sockets: readonly TcpSocket[]): number[] {
  return sockets.map(({ inode }) => inode);
}
