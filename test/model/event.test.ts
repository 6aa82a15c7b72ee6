import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  check,
  EVENT_TYPES,
  numberOf,
  parse,
  PROCESS_STATES,
  REJECTIONS,
  type Event,
  type EventType,
  type Rejection,
} from "../../src/model/event.ts";

const GOOD = { ts: 1, event_type: "process.wait", entity_id: "pipe:7", pid: 10, value: "pipe.read" };
const line = (changes: Record<string, unknown>): string => JSON.stringify({ ...GOOD, ...changes });

/** What a good line is changed to, and the reason it is then refused for. */
const BAD: [what: string, text: string, reason: Rejection][] = [
  ["no JSON", "not json", "not_json"],
  ["an empty line", "", "not_json"],
  ["half an object", '{"ts":1,', "not_json"],
  ["two objects", `${line({})}${line({})}`, "not_json"],
  ["a NaN that Python writes", line({}).replace('"ts":1', '"ts":NaN'), "not_json"],
  ["a number", "5", "not_object"],
  ["null", "null", "not_object"],
  ["an array", `[${line({})}]`, "not_object"],
  ["100,000-deep JSON", "[".repeat(100_000) + "]".repeat(100_000), "not_object"],
  ["no time", line({ ts: undefined }), "ts"],
  ["a time with a fraction", line({ ts: 1.5 }), "ts"],
  ["a time before the epoch", line({ ts: -1 }), "ts"],
  ["a time in text", line({ ts: "1" }), "ts"],
  ["a time beyond exact numbers", line({ ts: 2 ** 53 }), "ts"],
  ["no type", line({ event_type: undefined }), "event_type"],
  ["an unknown type", line({ event_type: "process.waits" }), "event_type"],
  ["a type that every object has", line({ event_type: "constructor" }), "event_type"],
  ["a type that is no text", line({ event_type: 5 }), "event_type"],
  ["no entity", line({ entity_id: undefined }), "entity_id"],
  ["an empty entity", line({ entity_id: "" }), "entity_id"],
  ["an entity of 513 bytes", line({ entity_id: "x".repeat(513) }), "entity_id"],
  ["an entity of 171 characters of 3 bytes", line({ entity_id: "界".repeat(171) }), "entity_id"],
  ["an entity that is no text", line({ entity_id: 7 }), "entity_id"],
  ["pid 0", line({ pid: 0 }), "pid"],
  ["a negative pid", line({ pid: -1 }), "pid"],
  ["a pid with a fraction", line({ pid: 1.5 }), "pid"],
  ["a pid in text", line({ pid: "1" }), "pid"],
  ["a job that is no text", line({ job_id: 5 }), "job_id"],
  ["no value", line({ value: undefined }), "value"],
  ["a value that is no text", line({ value: 85 }), "value"],
  ["a wait without a kind", line({ value: "" }), "value"],
  ["an unknown state", line({ event_type: "process.state", value: "zzz" }), "value"],
  ["more than all", line({ event_type: "compute.util", value: "100.0001" }), "value"],
  ["less than nothing", line({ event_type: "compute.mem", value: "-0.1" }), "value"],
  ["a stall without its time", line({ event_type: "transport.drop", value: "STALL_ms" }), "value"],
  ["an error that says nothing", line({ event_type: "error.hw", value: "" }), "value"],
  ["a node that is no text", line({ node: null }), "node"],
  ["a node of 513 bytes", line({ node: "x".repeat(513) }), "node"],
  ["attrs in an array", line({ attrs: ["x"] }), "attrs"],
  ["attrs that are null", line({ attrs: null }), "attrs"],
  ["a null within attrs", line({ attrs: { tid: null } }), "attrs"],
  ["an object within attrs", line({ attrs: { tid: {} } }), "attrs"],
  ["33 attrs", line({ attrs: numbered(33) }), "attrs"],
  ["an infinite attr", line({ attrs: { tid: 1 } }).replace('"tid":1', '"tid":1e999'), "attrs"],
  ["an object under __proto__", line({}).replace("}", ',"attrs":{"__proto__":{"tid":1}}}'), "attrs"],
];

describe("a line that is no event is refused for its reason", () => {
  for (const [what, text, reason] of BAD) {
    test(`${what}: ${reason}`, () => assert.equal(parse(text), reason));
  }
});

describe("a line that is an event", () => {
  const accepted: [what: string, changes: Record<string, unknown>][] = [
    ["an entity of 512 bytes", { entity_id: "x".repeat(512) }],
    ["an entity of 512 bytes in 128 characters", { entity_id: "🦀".repeat(128) }],
    ["a node of 512 bytes", { node: "x".repeat(512) }],
    ["a job and a process that are null", { job_id: null, pid: null }],
    ["keys that the contract does not know", { colour: "red", nested: { deep: [1] } }],
    ["32 attrs", { attrs: numbered(32) }],
    ["no attrs in an object", { attrs: {} }],
    ["the last exact time", { ts: Number.MAX_SAFE_INTEGER }],
    ["an empty link", { event_type: "topo.link_down", value: "" }],
  ];
  for (const [what, changes] of accepted) {
    test(`may have ${what}`, () => assert.deepEqual(parse(line(changes)), JSON.parse(line(changes))));
  }

  test("keeps a key named __proto__ to itself", () => {
    const text = `${line({}).slice(0, -1)},"__proto__":{"admin":true},"attrs":{"__proto__":5,"tid":1}}`;
    const parsed = parse(text) as Event;
    assert.equal(parsed.attrs?.tid, 1);
    assert.equal(({} as Record<string, unknown>).admin, undefined);
    assert.equal(Object.getPrototypeOf(parsed), Object.prototype);
  });
});

describe("a figure", () => {
  const NUMERIC = ["compute.util", "compute.mem", "transport.bw", "transport.drop", "storage.iops", "storage.qdepth"];
  for (const value of ["0", "85", "0.5", ".5", "5.", "1e-05", "1E1", "99.999", "-0"]) {
    test(`may be written ${value}`, () => {
      for (const type of NUMERIC) assert.ok(isFigure(type, value), type);
    });
  }
  for (const value of [
    "",
    " 5",
    "5 ",
    "5\u00a0",
    "\t5",
    "5\n",
    "0x10",
    "0b1",
    "0o7",
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "1_0",
    "5%",
    "1,5",
    "+5",
    ".",
    "-",
    "٥",
  ]) {
    test(`may not be written ${JSON.stringify(value)}`, () => {
      for (const type of NUMERIC) assert.ok(!isFigure(type, value), type);
    });
  }

  test("is the number it is written as", () => {
    fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (n) => numberOf(String(n)) === n + 0));
    assert.equal(numberOf("1e-05"), 0.00001);
  });

  test("of a transport may be a stall instead", () => {
    for (const value of ["IO_WAIT", "12.5 IO_WAIT"]) assert.ok(isFigure("transport.bw", value), value);
    for (const value of ["IO_WAIT", "STALL_250ms"]) assert.ok(isFigure("transport.drop", value), value);
    for (const value of ["STALL_250ms x", "STALL_2.5ms", "IO_WAITs"]) assert.ok(!isFigure("transport.drop", value));
  });
});

describe("whatever comes", () => {
  test("any text is an event or has a reason; nothing is thrown", () => {
    const texts = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.json(),
      fc.json().map((json) => json.slice(1)),
    );
    fc.assert(
      fc.property(texts, (text) => isOutcome(parse(text))),
      { numRuns: 1000 },
    );
  });

  test("any value is an event or has a reason, in any place of an event", () => {
    const anyEvent = fc.record(
      {
        ts: fc.oneof(fc.nat(), fc.jsonValue()),
        event_type: fc.oneof(fc.constantFrom<string>(...EVENT_TYPES), fc.jsonValue()),
        entity_id: fc.oneof(fc.string(), fc.jsonValue()),
        job_id: fc.jsonValue(),
        pid: fc.oneof(fc.nat(), fc.jsonValue()),
        value: fc.oneof(fc.string(), fc.constantFrom("end", "5", "start"), fc.jsonValue()),
        node: fc.jsonValue(),
        attrs: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), anyEvent), (value) => isOutcome(check(value))),
      { numRuns: 2000 },
    );
  });

  test("an event is the same after it was written and read", () => {
    fc.assert(
      fc.property(validEvents(), (event) => {
        assert.deepEqual(parse(JSON.stringify(event)), JSON.parse(JSON.stringify(event)));
      }),
      { numRuns: 1000 },
    );
  });

  test("each type takes some value, so that none is unusable", () => {
    const seen = new Set<EventType>();
    fc.assert(
      fc.property(validEvents(), (event) => void seen.add((parse(JSON.stringify(event)) as Event).event_type)),
      { numRuns: 1000 },
    );
    assert.deepEqual(new Set(EVENT_TYPES), seen);
  });
});

function isOutcome(outcome: Event | Rejection): boolean {
  return typeof outcome === "string" ? REJECTIONS.includes(outcome) : EVENT_TYPES.includes(outcome.event_type);
}

function isFigure(type: string, value: string): boolean {
  return typeof check({ ts: 1, event_type: type, entity_id: "x", value }) === "object";
}

function validEvents(): fc.Arbitrary<Event> {
  const percent = fc.double({ min: 0, max: 100, noNaN: true }).map(String);
  const count = fc.nat().map(String);
  const text = fc.string({ minLength: 1 });
  const values: Record<EventType, fc.Arbitrary<string>> = {
    "compute.util": percent,
    "compute.mem": percent,
    "transport.bw": fc.oneof(count, fc.constant("IO_WAIT")),
    "transport.drop": fc.oneof(
      count,
      count.map((n) => `STALL_${n}ms`),
    ),
    "storage.iops": count,
    "storage.qdepth": count,
    "process.state": fc.constantFrom(...PROCESS_STATES),
    "process.wait": text,
    "resource.held": text,
    "error.hw": text,
    "error.net": text,
    "topo.link_down": fc.string(),
    "intent.run": fc.string(),
    "action.exec": fc.string(),
  };
  const attr = fc.oneof(fc.string(), fc.boolean(), fc.double({ noNaN: true, noDefaultInfinity: true }));
  return fc.constantFrom(...EVENT_TYPES).chain((event_type) =>
    fc.record(
      {
        ts: fc.maxSafeNat(),
        event_type: fc.constant(event_type),
        entity_id: fc
          .string({ unit: "grapheme", minLength: 1, maxLength: 100 })
          .filter((id) => Buffer.byteLength(id) <= 512),
        value: values[event_type],
        job_id: fc.option(fc.string()),
        pid: fc.option(fc.integer({ min: 1, max: 2 ** 31 })),
        node: text,
        attrs: fc.dictionary(fc.string(), attr, { maxKeys: 32 }),
      },
      { requiredKeys: ["ts", "event_type", "entity_id", "value"] },
    ),
  );
}

function numbered(count: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${index}`, index]));
}
