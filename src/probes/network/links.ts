/**
 * What is known of each interface over time: its addresses and its link as they were, those that are gone, and how fast
 * it was. What of that is trouble is link-trouble.ts's to judge.
 */
import type { Wire } from "../../kernel/net-class.ts";
import type { Link, LinkAddress, LinkTable } from "../../kernel/rtnetlink.ts";

export interface Interface {
  link: Link;
  /** What was known of it at the look before this one. */
  before: { link: Link; atMs: number } | undefined;
  /** Those of more than the link's own scope; of one that was set down, those it had. */
  addresses: string[];
  /** Somebody has seen it with a carrier. */
  hadCarrier: boolean;
  wire: Wire;
  /** The highest that was seen. */
  bestSpeedMbitS: number;
  /** What `wire` was read for: another number of carrier changes is another link. */
  wireOf: number | undefined;
  /** Errors and packets of the last looks, the newest last. */
  recent: { atMs: number; errors: number; packets: number }[];
}

export interface Gone {
  name: string;
  addresses: string[];
  hadCarrier: boolean;
  sinceMs: number;
}

const MAX_INTERFACES = 2048;
const MAX_GONE = 256;
const RECENT_MS = 10_000;
/** At the shortest interval there is, a look is taken ten times a second. */
const MAX_RECENT = 128;

export class Links {
  /** By index, which is never given twice while the namespace lives. */
  #interfaces = new Map<number, Interface>();
  readonly #gone = new Map<string, Gone>();

  get all(): Interface[] {
    return [...this.#interfaces.values()];
  }

  /** Interfaces that had an address and are no longer there. */
  get gone(): Gone[] {
    return [...this.#gone.values()];
  }

  forget({ name }: Gone): void {
    this.#gone.delete(name);
  }

  look(table: LinkTable, nowMs: number): void {
    const next = new Map<number, Interface>();
    for (const link of table.links.slice(0, MAX_INTERFACES)) {
      if (!link.isLoopback) next.set(link.index, this.#interfaceOf(link, table, nowMs));
    }
    for (const [index, known] of this.#interfaces) {
      if (next.has(index)) continue;
      if (table.isComplete) this.#remove(known, nowMs);
      else next.set(index, known);
    }
    this.#interfaces = next;
    this.#takeBack();
  }

  #interfaceOf(read: Link, { addresses }: LinkTable, nowMs: number): Interface {
    const known = this.#interfaces.get(read.index);
    const link = addresses === undefined && known !== undefined ? withRelations(read, known.link) : read;
    const found: Interface = known ?? {
      link,
      before: undefined,
      addresses: [],
      hadCarrier: false,
      wire: {},
      bestSpeedMbitS: 0,
      wireOf: undefined,
      recent: [],
    };
    if (known !== undefined) {
      found.before = { link: known.link, atMs: known.recent.at(-1)?.atMs ?? nowMs };
      found.link = link;
    }
    found.addresses = addressesNow(found, addresses);
    if (link.hasCarrier) found.hadCarrier = true;
    noteErrors(found, nowMs);
    return found;
  }

  #remove({ link, addresses, hadCarrier }: Interface, nowMs: number): void {
    if (addresses.length === 0) return;
    if (this.#gone.size >= MAX_GONE) this.#gone.delete(this.#gone.keys().next().value as string);
    this.#gone.set(link.name, { name: link.name, addresses, hadCarrier, sinceMs: nowMs });
  }

  /** One that is there again, under whatever index, has what it had; addresses may also have gone to another. */
  #takeBack(): void {
    if (this.#gone.size === 0) return;
    const present = new Set<string>();
    for (const found of this.#interfaces.values()) {
      const gone = this.#gone.get(found.link.name);
      if (gone !== undefined) {
        this.#gone.delete(found.link.name);
        if (!found.link.isUp && found.addresses.length === 0) found.addresses = gone.addresses;
        found.hadCarrier ||= gone.hadCarrier;
      }
      for (const address of found.addresses) present.add(address);
    }
    for (const gone of this.#gone.values()) {
      if (gone.addresses.every((address) => present.has(address))) this.forget(gone);
    }
  }
}

/** The files that are read where rtnetlink is refused do not tell what lies on what. */
function withRelations(link: Link, { kind, master, lower, isLowerElsewhere }: Link): Link {
  return {
    ...link,
    isLowerElsewhere,
    ...(kind === undefined ? {} : { kind }),
    ...(master === undefined ? {} : { master }),
    ...(lower === undefined ? {} : { lower }),
  };
}

/** The kernel takes the IPv6 addresses from an interface that is set down, though whoever used them still would. */
function addressesNow({ link, addresses: known }: Interface, addresses: readonly LinkAddress[] | undefined): string[] {
  if (addresses === undefined) return known;
  const now = addresses.filter(({ index, isGlobal }) => index === link.index && isGlobal).map((it) => it.address);
  return link.isUp ? now : [...new Set([...now, ...known])];
}

function noteErrors({ link: { counters }, recent }: Interface, nowMs: number): void {
  const { rxErrors, txErrors, rxPackets, txPackets } = counters;
  recent.push({ atMs: nowMs, errors: rxErrors + txErrors, packets: rxPackets + txPackets });
  while (recent.length > MAX_RECENT || (recent.length > 2 && (recent[1]?.atMs ?? nowMs) <= nowMs - RECENT_MS)) {
    recent.shift();
  }
}
