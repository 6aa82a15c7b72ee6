/**
 * Which interface has an address, or had it last: what a connection goes over stays known when that interface is gone.
 * One book for the whole program, so that what one probe sees of a network namespace is known to another. It asks nobody.
 */
import type { LinkTable } from "./rtnetlink.ts";

const MAX_NAMESPACES = 256;
const MAX_ADDRESSES = 4096;

export interface NotedTable {
  table: LinkTable;
  /** performance.now() */
  notedMs: number;
}

export class InterfaceBook {
  /** By network namespace (`net:[4026531840]`) and address: the interface's name. */
  readonly #names = new Map<string, Map<string, string>>();
  /** By network namespace: what was noted of it last and not taken yet. */
  #fresh = new Map<string, NotedTable>();

  note(namespace: string, table: LinkTable): void {
    const { links, addresses } = table;
    remember(this.#fresh, namespace, { table, notedMs: performance.now() }, MAX_NAMESPACES);
    if (addresses === undefined) return;
    const known = this.#names.get(namespace) ?? new Map<string, string>();
    remember(this.#names, namespace, known, MAX_NAMESPACES);
    const names = new Map(links.map(({ index, name }) => [index, name]));
    for (const { index, address } of addresses) {
      const name = names.get(index);
      if (name !== undefined) remember(known, address, name, MAX_ADDRESSES);
    }
  }

  /** Of an address without port and brackets; undefined where nobody was seen to have it. */
  interfaceOf(namespace: string, address: string): string | undefined {
    return this.#names.get(namespace)?.get(address);
  }

  /** The interfaces of each namespace of which somebody has noted some since this was asked last. */
  takeNoted(): Map<string, NotedTable> {
    const fresh = this.#fresh;
    this.#fresh = new Map();
    return fresh;
  }
}

/** As the newest; beyond `most`, the oldest is forgotten. */
function remember<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > most) map.delete(map.keys().next().value as string);
}

export const interfaceBook = new InterfaceBook();

/** The id of an interface: its name, in another network namespace than our own with that one's number before it. */
export function interfaceId(name: string, namespace: string, ownNamespace: string | undefined): string {
  return namespace === ownNamespace ? name : `netns-${/\d+/.exec(namespace)?.[0] ?? "?"}/${name}`;
}
