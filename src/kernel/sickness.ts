/** Which processes a read hung on, and for how long they are left alone: twice as long each time. Knows no clock. */

const FIRST_MS = 30_000;
const LONGEST_MS = 600_000;
const MAX_REMEMBERED = 4096;

export class Sickness {
  readonly #cases = new Map<number, { untilMs: number; restMs: number }>();

  hung(pid: number, nowMs: number): void {
    const restMs = Math.min((this.#cases.get(pid)?.restMs ?? FIRST_MS / 2) * 2, LONGEST_MS);
    this.#cases.delete(pid);
    this.#cases.set(pid, { untilMs: nowMs + restMs, restMs });
    const [oldest] = this.#cases.keys();
    if (this.#cases.size > MAX_REMEMBERED) this.#cases.delete(oldest as number);
  }

  answered(pid: number): void {
    this.#cases.delete(pid);
  }

  has(pid: number, nowMs: number): boolean {
    const found = this.#cases.get(pid);
    return found !== undefined && nowMs < found.untilMs;
  }

  list(nowMs: number): number[] {
    return [...this.#cases.keys()].filter((pid) => this.has(pid, nowMs));
  }
}
