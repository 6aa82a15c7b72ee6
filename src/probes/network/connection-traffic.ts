/** What goes over the connections with the most traffic. */
import type { TcpSocket } from "../../kernel/tcp-info.ts";
import type { Event } from "../../model/event.ts";
import type { Look } from "./connection-cases.ts";
import { entityOf, trafficEnd, trafficOf } from "./connection-events.ts";
import type { SocketOwners } from "./socket-owners.ts";

/** A Mbit/s. */
const BUSY_BYTES_PER_MS = 125;
/** So long without traffic, and no more figures are told of a connection. */
const QUIET_MS = 10_000;

export class Traffic {
  readonly #owners: Pick<SocketOwners, "of">;
  /** Connections of which figures were told. */
  readonly #told = new Map<string, { pid: number; toldMs: number }>();

  constructor(owners: Pick<SocketOwners, "of">) {
    this.#owners = owners;
  }

  /** Of these, where it may be seen whose they are; and that no more come of those that are at rest or closed. */
  tell(sockets: readonly TcpSocket[], { atMs }: Look, before: Look, nowMs: number): Event[] {
    const elapsedMs = Number.isFinite(before.atMs) ? atMs - before.atMs : 0;
    const events = sockets.flatMap((socket) => {
      const [owner] = this.#owners.of(socket.inode);
      if (owner === undefined) return [];
      this.#told.set(entityOf(socket), { pid: owner.pid, toldMs: nowMs });
      const bytes = bytesBetween(socket, before.byCookie.get(socket.cookie));
      return [trafficOf(socket, owner.pid, bytes, elapsedMs, nowMs)];
    });
    for (const [entity, { pid, toldMs }] of this.#told) {
      if (nowMs - toldMs <= QUIET_MS) continue;
      this.#told.delete(entity);
      events.push(trafficEnd(entity, pid, nowMs));
    }
    return events;
  }
}

/** The busiest first. */
export function busiest({ atMs, byCookie }: Look, before: Look, most: number): TcpSocket[] {
  const busy: { socket: TcpSocket; bytes: number }[] = [];
  for (const socket of byCookie.values()) {
    const bytes = bytesBetween(socket, before.byCookie.get(socket.cookie));
    if (bytes > 0 && bytes >= BUSY_BYTES_PER_MS * (atMs - before.atMs)) busy.push({ socket, bytes });
  }
  busy.sort((a, b) => b.bytes - a.bytes);
  return busy.slice(0, most).map(({ socket }) => socket);
}

/** Acknowledged and received. */
function bytesBetween({ info }: TcpSocket, before: TcpSocket | undefined): number {
  if (info === undefined || before?.info === undefined) return 0;
  return info.bytesAcked - before.info.bytesAcked + info.bytesReceived - before.info.bytesReceived;
}
