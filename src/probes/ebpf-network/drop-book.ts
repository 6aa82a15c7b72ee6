/** Which connections lose packets to the kernel, by whose rule or for lack of what. It remembers what it saw last. */
import type { BpfConnection, Drops } from "../../kernel/bpf-network.ts";

/** One or two are no news where the connection goes on as before. */
const MIN_DROPS = 3;
const LINGERS_MS = 4000;

export interface Loss {
  connection: BpfConnection;
  /** Whether it sent what was lost, or was to get it. */
  way: "sent" | "received";
  reason: string;
  count: number;
}

interface Known {
  first: number;
  last: number;
  growthMs: number;
  loss: Loss;
}

export class DropBook {
  readonly #known = new Map<string, Known>();

  /** What is lost at present, by cookie; `isTroubled` tells that nothing gets through, or much is sent again. */
  update(
    connections: ReadonlyMap<number, BpfConnection>,
    isTroubled: (cookie: number) => boolean,
    nowMs: number,
  ): Map<number, Loss> {
    for (const connection of connections.values()) {
      for (const way of ["sent", "received"] as const) this.#note(connection, way, connection.dropped[way], nowMs);
    }
    const losses = new Map<number, Loss>();
    for (const [key, { first, last, growthMs, loss }] of this.#known) {
      const { cookie } = loss.connection;
      const troubled = isTroubled(cookie);
      // Between two tries of a connection that gets no answer there may be minutes.
      if (nowMs - growthMs > LINGERS_MS && !troubled) this.#known.delete(key);
      else if (troubled || last - first >= MIN_DROPS) losses.set(cookie, { ...loss, count: last - first });
    }
    return losses;
  }

  #note(connection: BpfConnection, way: Loss["way"], drops: Drops | undefined, nowMs: number): void {
    if (drops === undefined) return;
    const key = `${connection.cookie} ${way}`;
    const { count, reason } = drops;
    const known = this.#known.get(key);
    const loss = { connection, way, reason, count };
    if (known === undefined) this.#known.set(key, { first: 0, last: count, growthMs: nowMs, loss });
    else if (count !== known.last) Object.assign(known, { last: count, growthMs: nowMs, loss });
  }
}
