/** Tables of which each network namespace has its own, asked for by way of a process that is in it now. */
import { Memo } from "./memo.ts";

/** Namespaces with containers come and go; their tables are not kept for ever. */
const MAX_NAMESPACES = 256;

interface Entry<T> {
  /** A process that was in the namespace when last asked for. */
  member: number;
  memo: Memo<T>;
}

export class PerNamespace<T> {
  readonly #make: (member: number) => Promise<T>;
  readonly #entries = new Map<string, Entry<T>>();

  constructor(make: (member: number) => Promise<T>) {
    this.#make = make;
  }

  of(namespace: string, member: number): Memo<T> {
    const known = this.#entries.get(namespace);
    if (known !== undefined) {
      known.member = member;
      return known.memo;
    }
    const oldest = this.#entries.keys().next().value;
    if (this.#entries.size >= MAX_NAMESPACES && oldest !== undefined) this.#entries.delete(oldest);
    const entry: Entry<T> = { member, memo: new Memo(() => this.#make(entry.member)) };
    this.#entries.set(namespace, entry);
    return entry.memo;
  }
}
