/** Which connections of a look are in trouble. It remembers only since when one gets no answer. */
import type { TcpSocket } from "../../kernel/tcp-info.ts";
import { isQueueFull, mayBeTroubled, triesOf, troubleOf, type Trouble } from "./connection-trouble.ts";

/** All sockets at one time, which is performance.now(). */
export interface Look {
  atMs: number;
  byCookie: ReadonlyMap<number, TcpSocket>;
}

export const NO_LOOK: Look = { atMs: Number.NEGATIVE_INFINITY, byCookie: new Map() };

export interface Case {
  socket: TcpSocket;
  trouble: Trouble;
  /** Its other end is in the same table. */
  isPeerSeen: boolean;
}

export class Cases {
  /** Since when each has been seen to try without an answer, by cookie. */
  readonly #unanswered = new Map<number, { sinceMs: number; bytesAcked: number }>();

  /** The worst first. */
  find({ atMs, byCookie }: Look, before: Look): Case[] {
    const sockets = [...byCookie.values()];
    const candidates = sockets.filter((socket) => mayBeTroubled(socket, before.byCookie.get(socket.cookie)));
    this.#timeUnanswered(candidates, atMs);
    if (candidates.length === 0) return [];
    const ends = new Map(sockets.map((socket) => [`${socket.local} ${socket.remote}`, socket]));
    const full = sockets.filter(isQueueFull);
    const cases = candidates.flatMap((now): Case[] => {
      const across = ends.get(`${now.remote} ${now.local}`);
      const trouble = troubleOf({
        now,
        before: before.byCookie.get(now.cookie),
        unansweredMs: atMs - (this.#unanswered.get(now.cookie)?.sinceMs ?? atMs),
        across,
        listener: full.find((listener) => listensAt(listener, now.remote)),
      });
      return trouble === undefined ? [] : [{ socket: now, trouble, isPeerSeen: across !== undefined }];
    });
    return cases.sort((a, b) => RANKS[a.trouble.kind] - RANKS[b.trouble.kind] || a.socket.cookie - b.socket.cookie);
  }

  #timeUnanswered(candidates: readonly TcpSocket[], atMs: number): void {
    const still = new Set<number>();
    for (const socket of candidates) {
      if (triesOf(socket) === 0) continue;
      const bytesAcked = socket.info?.bytesAcked ?? 0;
      still.add(socket.cookie);
      const known = this.#unanswered.get(socket.cookie);
      if (known?.bytesAcked !== bytesAcked) this.#unanswered.set(socket.cookie, { sinceMs: atMs, bytesAcked });
    }
    for (const cookie of this.#unanswered.keys()) if (!still.has(cookie)) this.#unanswered.delete(cookie);
  }
}

const RANKS: Record<Trouble["kind"], number> = { unanswered: 0, lossy: 1, "window full": 2 };

/** At this address, or at its port on every address. */
function listensAt({ local }: TcpSocket, end: string): boolean {
  const port = end.slice(end.lastIndexOf(":"));
  return local === end || local === `0.0.0.0${port}` || local === `[::]${port}`;
}
