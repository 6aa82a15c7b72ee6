import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Expiring, ExpiryWheel } from "../../src/model/expiry.ts";
import { T0 } from "./events.ts";

class Item extends Expiring {
  readonly name: number;
  constructor(name: number) {
    super();
    this.name = name;
  }
}

type Step =
  | { do: "schedule"; item: number; inMs: number }
  | { do: "cancel"; item: number }
  /** `inner` is done from within, by whoever is the first to expire. */
  | { do: "sweep"; afterMs: number; inner: Step[] };

const ITEMS = 8;

describe("the wheel", () => {
  test("hands over what a sorted list would, whatever is set, moved and cancelled, also during a sweep", () => {
    const handedOver: number[] = [];
    fc.assert(
      fc.property(fc.array(anyStep(), { minLength: 5, maxLength: 60 }), (steps) => {
        const wheel = new Both();
        for (const step of steps) wheel.run(step);
        wheel.run({ do: "sweep", afterMs: 1_000_000, inner: [] });
        assert.equal(wheel.pending, 0);
        handedOver.push(wheel.handedOver);
      }),
      { numRuns: 2000 },
    );
    assert.ok(handedOver.reduce((sum, count) => sum + count) > 2000);
  });

  test("hands nothing over before its time, and everything within a second of it", () => {
    const wheel = new ExpiryWheel();
    const item = new Item(1);
    wheel.schedule(item, 61_500);
    const expired: Item[] = [];
    for (const nowMs of [0, 61_000, 61_499]) wheel.sweep(nowMs, (due) => expired.push(due as Item));
    assert.equal(expired.length, 0);
    for (const nowMs of [62_000, 62_000, 90_000]) wheel.sweep(nowMs, (due) => expired.push(due as Item));
    assert.deepEqual(expired, [item]);
  });
});

/** The wheel and a list that does the same naively; each step is checked. */
class Both {
  handedOver = 0;
  #nowMs = T0;
  readonly #wheel = new ExpiryWheel();
  readonly #items = Array.from({ length: ITEMS }, (_, name) => new Item(name));
  readonly #deadlines = new Map<number, number>();

  get pending(): number {
    return this.#deadlines.size;
  }

  run(step: Step): void {
    const item = "item" in step ? (this.#items[step.item] as Item) : undefined;
    if (step.do === "schedule") {
      this.#deadlines.set(step.item, this.#nowMs + step.inMs);
      this.#wheel.schedule(item as Item, this.#nowMs + step.inMs);
    } else if (step.do === "cancel") {
      this.#deadlines.delete(step.item);
      this.#wheel.cancel(item as Item);
    } else {
      this.#sweep(step.afterMs, step.inner);
    }
  }

  #sweep(afterMs: number, inner: readonly Step[]): void {
    this.#nowMs += afterMs;
    let todo = inner;
    this.#wheel.sweep(this.#nowMs, (expired) => {
      const { name } = expired as Item;
      const deadlineMs = this.#deadlines.get(name);
      assert.ok(deadlineMs !== undefined, `item ${name} was not due at all`);
      assert.ok(deadlineMs <= this.#nowMs, `item ${name} came ${deadlineMs - this.#nowMs} ms early`);
      this.#deadlines.delete(name);
      this.handedOver++;
      const now = todo;
      todo = [];
      for (const step of now) this.run(step);
    });
    // It counts in whole seconds.
    const overdue = [...this.#deadlines].filter(([, deadlineMs]) => Math.ceil(deadlineMs / 1000) <= this.#nowMs / 1000);
    assert.deepEqual(overdue, [], "left behind");
  }
}

function anyStep(): fc.Arbitrary<Step> {
  const item = fc.nat({ max: ITEMS - 1 });
  const simple = fc.oneof(
    // Also deadlines that have passed already.
    fc.record({ do: fc.constant("schedule" as const), item, inMs: fc.integer({ min: -3000, max: 400_000 }) }),
    fc.record({ do: fc.constant("schedule" as const), item, inMs: fc.integer({ min: -10, max: 3000 }) }),
    fc.record({ do: fc.constant("cancel" as const), item }),
  );
  const afterMs = fc.oneof(fc.integer({ min: 0, max: 2500 }), fc.integer({ min: 0, max: 100_000 }));
  const sweep = fc.record({ do: fc.constant("sweep" as const), afterMs, inner: fc.array(simple, { maxLength: 4 }) });
  return fc.oneof({ weight: 2, arbitrary: simple }, { weight: 1, arbitrary: sweep });
}
