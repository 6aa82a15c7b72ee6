/** Who is told to wait on a connection that stands still: only processes whose main thread is seen to. */
import type { Event } from "../../model/event.ts";
import { readBlockedTask } from "../process/blocked-task.ts";
import type { Case } from "./connection-cases.ts";
import { entityOf, stallEnd, stallOf } from "./connection-events.ts";
import type { SocketOwners } from "./socket-owners.ts";

export class Stalls {
  readonly #proc: string;
  readonly #owners: Pick<SocketOwners, "of">;
  #told = new Map<string, { entity: string; pid: number }>();

  constructor(proc: string, owners: Pick<SocketOwners, "of">) {
    this.#proc = proc;
    this.#owners = owners;
  }

  /** Those of these cases; what was told before and is over, ended. */
  async tell(cases: readonly Case[], nowMs: number): Promise<Event[]> {
    const events: Event[] = [];
    const told = new Map<string, { entity: string; pid: number }>();
    for (const { socket, trouble, isPeerSeen } of cases) {
      if (trouble.kind === "lossy") continue;
      const entity = entityOf(socket);
      for (const { pid } of this.#owners.of(socket.inode)) {
        if (!(await this.#waitsOn(pid, socket.inode))) continue;
        told.set(`${entity} ${pid}`, { entity, pid });
        events.push(stallOf(socket, trouble, pid, isPeerSeen, nowMs));
      }
    }
    for (const [key, { entity, pid }] of this.#told) if (!told.has(key)) events.push(stallEnd(entity, pid, nowMs));
    this.#told = told;
    return events;
  }

  /** It is in a call that is about this socket and no other. */
  async #waitsOn(pid: number, inode: number): Promise<boolean> {
    const thread = { pid, tid: pid, kthread: false, sinceMs: 0 };
    const task = await readBlockedTask(this.#proc, thread, () => Promise.resolve(undefined));
    return task?.file?.target === `socket:[${inode}]`;
  }
}
