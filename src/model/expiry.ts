/**
 * Deadlines for very many things: setting, moving and cancelling one is O(1), whatever the number.
 *
 * A bucket holds everything that falls due in the same second, as a doubly linked list through the items themselves.
 * Moving a deadline later leaves the item where it is; it is put into its new bucket when its old one falls due.
 * Deadlines lie at most a few minutes ahead, so there are few buckets.
 */

const BUCKET_MS = 1000;
const NONE = -1;

/** What can fall due. The fields are the wheel's. Seconds are small integers to V8, which milliseconds are not. */
export abstract class Expiring {
  dueS = NONE;
  /** The bucket it lies in: `dueS`, or an earlier one. */
  bucketS = NONE;
  previous: Expiring | null = null;
  next: Expiring | null = null;
}

export class ExpiryWheel {
  #heads = new Map<number, Expiring>();

  /** The item falls due in the second after `deadlineMs`; an earlier deadline of it is forgotten. */
  schedule(item: Expiring, deadlineMs: number): void {
    const dueS = Math.ceil(deadlineMs / BUCKET_MS);
    item.dueS = dueS;
    if (item.bucketS !== NONE) {
      if (dueS >= item.bucketS) return;
      this.#unlink(item);
    }
    this.#link(item);
  }

  isScheduled(item: Expiring): boolean {
    return item.dueS !== NONE;
  }

  cancel(item: Expiring): void {
    item.dueS = NONE;
    if (item.bucketS !== NONE) this.#unlink(item);
  }

  /** Hands over every item that is due, once. `expire` may schedule and cancel as it likes. */
  sweep(nowMs: number, expire: (item: Expiring) => void): void {
    const nowS = Math.floor(nowMs / BUCKET_MS);
    for (const bucketS of this.#heads.keys()) {
      if (bucketS > nowS) continue;
      for (let item = this.#heads.get(bucketS); item !== undefined; item = this.#heads.get(bucketS)) {
        this.#unlink(item);
        if (item.dueS > nowS) {
          this.#link(item);
        } else {
          item.dueS = NONE;
          expire(item);
        }
      }
    }
  }

  #link(item: Expiring): void {
    const head = this.#heads.get(item.dueS) ?? null;
    item.bucketS = item.dueS;
    item.next = head;
    if (head !== null) head.previous = item;
    this.#heads.set(item.dueS, item);
  }

  #unlink(item: Expiring): void {
    if (item.previous !== null) item.previous.next = item.next;
    else if (item.next !== null) this.#heads.set(item.bucketS, item.next);
    else this.#heads.delete(item.bucketS);
    if (item.next !== null) item.next.previous = item.previous;
    item.bucketS = NONE;
    item.previous = null;
    item.next = null;
  }
}
