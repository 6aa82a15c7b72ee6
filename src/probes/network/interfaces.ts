/** The interfaces of the daemon's own network namespace, look by look: their figures, and what is wrong with them. */
import type { BlockingReader } from "../../kernel/blocking.ts";
import { interfaceBook } from "../../kernel/interface-book.ts";
import { namespaceOf } from "../../kernel/namespaces.ts";
import { readWire } from "../../kernel/net-class.ts";
import { readLinkFiles } from "../../kernel/net-dev.ts";
import type { LinkTable } from "../../kernel/rtnetlink.ts";
import { readInet } from "../../kernel/sockets.ts";
import type { Event } from "../../model/event.ts";
import { Standing } from "../standing.ts";
import { linkFigures } from "./link-figures.ts";
import { linkTroubles } from "./link-trouble.ts";
import { Links, type Gone, type Interface } from "./links.ts";

export interface InterfacesOptions {
  proc: string;
  sys: string;
  /** Asks the kernel for what may hang. */
  reader: Pick<BlockingReader, "links" | "readFrom">;
}

/** More would only fill the graph: the others have their state watched, but no figures told. */
const MAX_TOLD = 1024;
/** Speed and duplex change with the link; without such a change they are read again now and then. */
const WIRE_AGAIN_MS = 60_000;
/** So many drivers are asked in one look. */
const WIRES_PER_LOOK = 8;
const WIRE_BYTES = 64;
/** How long an interface that is gone is told in any case, and how often is asked then whether anybody misses it. */
const GONE_MS = 30_000;

export class Interfaces {
  readonly #options: InterfacesOptions;
  readonly #links = new Links();
  readonly #standing = new Standing();
  readonly #wiresReadMs = new Map<number, number>();
  #goneAskedMs = Number.NEGATIVE_INFINITY;

  constructor(options: InterfacesOptions) {
    this.#options = options;
  }

  /** Nothing where the interfaces cannot be told. Never throws. */
  async look(nowMs: number): Promise<Event[]> {
    const table = await this.#read();
    if (table === undefined) return [];
    this.#links.look(table, nowMs);
    const all = this.#links.all;
    // Where the kernel does not tell the addresses, it may be a driver that hangs: the same would keep us here.
    if (table.addresses !== undefined) await this.#readWires(all, nowMs);
    await this.#forgetUnmissed(nowMs);
    const figures = all.slice(0, MAX_TOLD).flatMap((found) => linkFigures(found, found.link.name, nowMs));
    const troubles = linkTroubles({ interfaces: all, gone: this.#links.gone, entityOf: (name) => name });
    return [...figures, ...this.#standing.update(troubles, nowMs)];
  }

  async #read(): Promise<LinkTable | undefined> {
    const { proc, sys, reader } = this.#options;
    const table = await reader.links(process.pid);
    const namespace = namespaceOf(proc, process.pid, "net");
    if (table !== undefined && namespace !== undefined) interfaceBook.note(namespace, table);
    return table ?? readLinkFiles(proc, sys);
  }

  /** Of hardware: what is made of software has whatever speed its maker gave it. */
  async #readWires(all: readonly Interface[], nowMs: number): Promise<void> {
    const { sys, reader } = this.#options;
    const read = (path: string) => reader.readFrom(path, WIRE_BYTES);
    const due = all.filter(
      (found) => found.link.kind === undefined && found.link.hasCarrier && this.#isDue(found, nowMs),
    );
    for (const found of due.slice(0, WIRES_PER_LOOK)) {
      this.#wiresReadMs.set(found.link.index, nowMs);
      found.wire = await readWire(found.link.name, read, sys);
      found.wireOf = found.link.carrierChanges;
      found.bestSpeedMbitS = Math.max(found.bestSpeedMbitS, found.wire.speedMbitS ?? 0);
    }
    if (this.#wiresReadMs.size > 2 * all.length) this.#wiresReadMs.clear();
  }

  #isDue({ link, wireOf }: Interface, nowMs: number): boolean {
    const readMs = this.#wiresReadMs.get(link.index);
    return readMs === undefined || wireOf !== link.carrierChanges || nowMs - readMs >= WIRE_AGAIN_MS;
  }

  /** Who has none of its addresses in use any more does not miss it: a network of containers was taken away. */
  async #forgetUnmissed(nowMs: number): Promise<void> {
    const due = this.#links.gone.filter((gone) => nowMs - gone.sinceMs >= GONE_MS);
    if (due.length === 0 || nowMs - this.#goneAskedMs < GONE_MS) return;
    this.#goneAskedMs = nowMs;
    const sockets = await readInet(this.#options.proc, process.pid);
    if (sockets === undefined) return;
    const used = new Set(sockets.filter(({ inode }) => inode !== 0).map(({ local }) => hostOf(local)));
    const isMissed = (gone: Gone) => gone.addresses.some((address) => used.has(address));
    for (const gone of due) if (!isMissed(gone)) this.#links.forget(gone);
  }
}

/** `10.0.0.1:80` → `10.0.0.1`, `[fd00::1]:80` → `fd00::1` */
function hostOf(end: string): string {
  return end.slice(0, end.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}
