/** What a read hung on, and for how long it is left alone: twice as long each time. Knows no clock. */

const FIRST_MS = 30_000;
const LONGEST_MS = 600_000;
const MAX_REMEMBERED = 4096;

/** By pid, or by the path of what belongs to no process. */
export class Sickness<Key extends number | string = number> {
  readonly #cases = new Map<Key, { untilMs: number; restMs: number }>();

  hung(pid: Key, nowMs: number): void {
    const restMs = Math.min((this.#cases.get(pid)?.restMs ?? FIRST_MS / 2) * 2, LONGEST_MS);
    this.#cases.delete(pid);
    this.#cases.set(pid, { untilMs: nowMs + restMs, restMs });
    const [oldest] = this.#cases.keys();
    if (this.#cases.size > MAX_REMEMBERED) this.#cases.delete(oldest as Key);
  }

  answered(pid: Key): void {
    this.#cases.delete(pid);
  }

  has(pid: Key, nowMs: number): boolean {
    const found = this.#cases.get(pid);
    return found !== undefined && nowMs < found.untilMs;
  }

  list(nowMs: number): Key[] {
    return [...this.#cases.keys()].filter((pid) => this.has(pid, nowMs));
  }
}
