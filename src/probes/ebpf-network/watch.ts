/** One look after the other: what is wrong with connections, who waits on them, what goes over them, how some ended. */
import { existsSync } from "node:fs";
import type { BpfFiles } from "../../kernel/bpf-files.ts";
import type { BpfConnection, ConnectionEnd } from "../../kernel/bpf-network.ts";
import type { Event } from "../../model/event.ts";
import { Cases, NO_LOOK, type Case, type Look } from "../network/connection-cases.ts";
import { entityOf } from "../network/connection-events.ts";
import { Stalls } from "../network/connection-stalls.ts";
import { busiest, Traffic } from "../network/connection-traffic.ts";
import { hasAnswered } from "../network/connection-trouble.ts";
import { Standing, type Trouble } from "../standing.ts";
import { DropBook, type Loss } from "./drop-book.ts";
import { Owners } from "./owners.ts";
import { endTold, fromSocket, lossTold, retransmitTold } from "./told.ts";

/** Told at a time: where a whole network is cut off, thousands are in the same trouble. */
const MAX_CASES = 64;
const MAX_FIGURES = 32;
const MAX_ENDS = 16;
/** What comes and goes is told as one trouble. */
const LOSS_LINGERS_MS = 6000;

interface ConnectionSource {
  connections(): Promise<BpfConnection[]>;
  ends(): ConnectionEnd[];
}

export class Watch {
  readonly #proc: string;
  readonly #source: ConnectionSource;
  readonly #owners: Owners;
  readonly #cases = new Cases();
  readonly #drops = new DropBook();
  readonly #stalls: Stalls;
  readonly #traffic: Traffic;
  readonly #standing = new Standing();
  /** What is wrong, by entity and head, and until when it counts without being seen again. */
  readonly #troubles = new Map<string, { trouble: Trouble; untilMs: number }>();
  #last: Look = NO_LOOK;

  /** `files` tells whose a socket is, where the kernel did not see its process connect. */
  constructor(proc: string, source: ConnectionSource, files?: BpfFiles) {
    this.#proc = proc;
    this.#source = source;
    this.#owners = new Owners(proc, files);
    this.#stalls = new Stalls(proc, this.#owners);
    this.#traffic = new Traffic(this.#owners);
  }

  /** Throws where the kernel tells nothing any more. */
  async look(nowMs: number): Promise<Event[]> {
    const ends = this.#source.ends().slice(0, MAX_ENDS);
    const atMs = performance.now();
    const byCookie = new Map((await this.#source.connections()).map((connection) => [connection.cookie, connection]));
    const look = { atMs, byCookie };
    const before = this.#last;
    this.#last = look;

    const found = this.#cases.find(look, before);
    const ofCookie = new Map(found.map((each) => [each.socket.cookie, each]));
    const losses = this.#drops.update(byCookie, (cookie) => ofCookie.has(cookie), nowMs);
    // A handshake may get no answer because too many wait to be accepted; only a packet that was dropped says otherwise.
    const cases = found.filter(({ socket }) => hasAnswered(socket) || losses.has(socket.cookie)).slice(0, MAX_CASES);
    const busy = busiest(look, before, MAX_FIGURES);
    const inTrouble = cases.map(({ socket }) => socket);
    await this.#owners.learn(connectionsOf(inTrouble, byCookie), "trouble");
    await this.#owners.learn([...connectionsOf(busy, byCookie), ...ends], "figures");
    const shown = [...new Set([...inTrouble, ...busy])].slice(0, MAX_FIGURES);
    return [
      ...this.#tellTroubles([...retransmissions(cases, losses), ...lost(losses, ofCookie)], nowMs),
      ...(await this.#stalls.tell(cases, nowMs)).map(fromSocket),
      ...this.#traffic.tell(shown, look, before, nowMs),
      ...ends.map((end) => endTold(end, this.#processOf(end), nowMs)),
    ];
  }

  #tellTroubles(troubles: readonly Trouble[], nowMs: number): Event[] {
    for (const trouble of troubles) {
      const key = `${trouble.entity} ${trouble.head}`;
      const known = this.#troubles.get(key)?.trouble;
      const isSame = known?.severity === trouble.severity;
      const untilMs = nowMs + (trouble.severity === "warning" ? LOSS_LINGERS_MS : 0);
      // The count changes at each look: news is only that it gets worse or better.
      this.#troubles.set(key, { trouble: isSame ? { ...trouble, ...moreOf(known) } : trouble, untilMs });
    }
    for (const [key, { untilMs }] of this.#troubles) if (untilMs < nowMs) this.#troubles.delete(key);
    return this.#standing.update(
      Array.from(this.#troubles.values(), ({ trouble }) => trouble),
      nowMs,
    );
  }

  /** One that has ended by now is no news, and its number may be another's soon. */
  #processOf({ pid, inode }: ConnectionEnd): number | undefined {
    if (pid > 0) return existsSync(`${this.#proc}/${pid}`) ? pid : undefined;
    return this.#owners.of(inode)[0]?.pid;
  }
}

/** Both ends name the same connection: the worse of the two, which comes first, is told. */
function retransmissions(cases: readonly Case[], losses: ReadonlyMap<number, Loss>): Trouble[] {
  const worst = new Map<string, Trouble>();
  for (const { socket, trouble } of cases) {
    if (trouble.kind === "window full" || worst.has(entityOf(socket))) continue;
    worst.set(entityOf(socket), retransmitTold(socket, trouble, losses.get(socket.cookie)));
  }
  return [...worst.values()];
}

function lost(losses: ReadonlyMap<number, Loss>, cases: ReadonlyMap<number, Case>): Trouble[] {
  const told = Array.from(losses, ([cookie, loss]) => lossTold(loss, cases.get(cookie)?.trouble.kind === "unanswered"));
  return told.toSorted((a, b) => a.severity.localeCompare(b.severity)).slice(0, MAX_CASES);
}

function moreOf(trouble: Trouble | undefined): Pick<Trouble, "more"> {
  return trouble?.more === undefined ? {} : { more: trouble.more };
}

function connectionsOf(sockets: readonly { cookie: number }[], all: ReadonlyMap<number, BpfConnection>) {
  return sockets.flatMap(({ cookie }) => all.get(cookie) ?? []);
}
