/** A table that is costly to make, shared by all who are content with one that is not older than they say. */

/** A table that took 100 ms is made at most every 2 s, however many ask: 5 % of a core. */
const REST_PER_COST = 20;

export class Memo<T> {
  readonly #make: () => Promise<T>;
  #value: Promise<T> | undefined;
  #begunMs = Number.NEGATIVE_INFINITY;
  #costMs = 0;

  constructor(make: () => Promise<T>) {
    this.#make = make;
  }

  /** A table whose making began at most `maxAgeMs` ago, or a little longer where it is dear. Times are performance.now(). */
  recent(maxAgeMs: number): Promise<T> {
    return this.since(performance.now() - Math.max(maxAgeMs, this.#costMs * REST_PER_COST));
  }

  /** A table whose making began no earlier than `notBeforeMs`. */
  since(notBeforeMs: number): Promise<T> {
    if (this.#value === undefined || this.#begunMs < notBeforeMs) {
      const begunMs = performance.now();
      this.#begunMs = begunMs;
      this.#value = this.#make().finally(() => (this.#costMs = performance.now() - begunMs));
    }
    return this.#value;
  }
}
