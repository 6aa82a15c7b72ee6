/**
 * The interfaces of containers: of other network namespaces than the daemon's. They are looked at only where somebody
 * has a reason to: a question led to a process there, or one waits there for what comes over an interface.
 */
import type { BlockingReader } from "../../kernel/blocking.ts";
import { interfaceBook, interfaceId } from "../../kernel/interface-book.ts";
import { namespaceOf } from "../../kernel/namespaces.ts";
import type { LinkTable } from "../../kernel/rtnetlink.ts";
import type { Event } from "../../model/event.ts";
import { Standing } from "../standing.ts";
import { linkTroubles } from "./link-trouble.ts";
import { Links } from "./links.ts";

/** Entered for one question; more would take longer than anybody waits. */
const MAX_ENTERED = 4;
const MAX_NAMESPACES = 64;
const DEADLINE_MS = 300;
/** A namespace that was looked at so lately is as it was. */
const RECENT_MS = 500;

interface Place {
  links: Links;
  standing: Standing;
  /** When the table was read that it was judged by; performance.now(). */
  readMs: number;
}

export class OtherNamespaces {
  readonly #proc: string;
  readonly #reader: Pick<BlockingReader, "links">;
  readonly #places = new Map<string, Place>();

  constructor(proc: string, reader: Pick<BlockingReader, "links">) {
    this.#proc = proc;
    this.#reader = reader;
  }

  /** What is wrong with the interfaces that these processes see. */
  async look(pids: readonly number[], nowMs: number): Promise<Event[]> {
    const own = this.#own();
    const members = new Map<string, number>();
    for (const pid of pids) {
      const namespace = namespaceOf(this.#proc, pid, "net");
      if (namespace !== undefined && namespace !== own) members.set(namespace, pid);
    }
    const looks = [...members].slice(0, MAX_ENTERED).map(async ([namespace, pid]) => {
      const readMs = performance.now();
      if (readMs - this.#placeOf(namespace).readMs < RECENT_MS) return [];
      const table = await this.#reader.links(pid, DEADLINE_MS);
      return table === undefined ? [] : this.#judge(namespace, table, readMs, nowMs);
    });
    return (await Promise.all(looks)).flat();
  }

  /** The same of those that others have looked at meanwhile. */
  lookAtNoted(nowMs: number): Event[] {
    const own = this.#own();
    return [...interfaceBook.takeNoted()].flatMap(([namespace, { table, notedMs }]) =>
      namespace === own ? [] : this.#judge(namespace, table, notedMs, nowMs),
    );
  }

  #judge(namespace: string, table: LinkTable, readMs: number, nowMs: number): Event[] {
    const place = this.#placeOf(namespace);
    if (readMs < place.readMs) return [];
    place.readMs = readMs;
    place.links.look(table, nowMs);
    const { all, gone } = place.links;
    const entityOf = (name: string) => interfaceId(name, namespace, this.#own());
    return place.standing.update(linkTroubles({ interfaces: all, gone, entityOf }), nowMs);
  }

  #own(): string | undefined {
    return namespaceOf(this.#proc, process.pid, "net");
  }

  #placeOf(namespace: string): Place {
    const place = this.#places.get(namespace) ?? {
      links: new Links(),
      standing: new Standing(),
      readMs: Number.NEGATIVE_INFINITY,
    };
    this.#places.delete(namespace);
    this.#places.set(namespace, place);
    if (this.#places.size > MAX_NAMESPACES) this.#places.delete(this.#places.keys().next().value as string);
    return place;
  }
}
