import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LineReader } from "../../src/lib/lines.ts";

const MAX = 64;

/** What the reader must say, told plainly: cut the whole at LF, then judge each piece. */
function expected(bytes: Buffer): { lines: string[]; faults: string[] } {
  const lines: string[] = [];
  const faults: string[] = [];
  for (const piece of bytes.toString("latin1").split("\n")) {
    const line = Buffer.from(piece.endsWith("\r") ? piece.slice(0, -1) : piece, "latin1");
    const text = line.toString("utf8");
    if (line.length > MAX) faults.push("too_long");
    else if (!Buffer.from(text, "utf8").equals(line)) faults.push("encoding");
    else if (text.trim() !== "" || text.charCodeAt(0) > 0x20) lines.push(text);
  }
  return { lines, faults };
}

function read(chunks: readonly Buffer[], max = MAX): { lines: string[]; faults: string[] } {
  const faults: string[] = [];
  const reader = new LineReader(max, (fault) => faults.push(fault));
  const lines = chunks.flatMap((chunk) => reader.push(chunk));
  return { lines: [...lines, ...reader.end()], faults };
}

function chunked(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [0, ...at].map((from, index) => bytes.subarray(from, at[index] ?? bytes.length));
}

/** Bytes that look like a stream: lines around the cap, ends of all kinds, broken UTF-8, noise. */
const stream = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
      fc.string({ unit: "grapheme", maxLength: 40 }).map((text) => Buffer.from(text)),
      fc.integer({ min: MAX - 2, max: MAX + 3 }).map((length) => Buffer.alloc(length, "x")),
      fc.integer({ min: 19, max: 23 }).map((length) => Buffer.from("€".repeat(length))),
      fc.constantFrom("\n", "\r\n", "\r", "\n\n", " \n").map((text) => Buffer.from(text)),
    ),
    { maxLength: 30 },
  )
  .map((parts) => Buffer.concat(parts));

test("any bytes in any chunking give the lines of the whole", () => {
  fc.assert(
    fc.property(stream, fc.array(fc.nat(), { maxLength: 20 }), (bytes, cuts) => {
      assert.deepEqual(read(chunked(bytes, cuts)), expected(bytes));
    }),
    { numRuns: 2000 },
  );
});

test("a byte at a time gives the same as all at once", () => {
  fc.assert(
    fc.property(stream, (bytes) => {
      const single = Array.from(bytes, (byte) => Buffer.of(byte));
      assert.deepEqual(read(single), read([bytes]));
    }),
    { numRuns: 300 },
  );
});

test("a line is refused by its bytes, not by its characters, and its CR does not count", () => {
  assert.deepEqual(read([Buffer.from(`${"x".repeat(MAX)}\r\n`)]), { lines: ["x".repeat(MAX)], faults: [] });
  assert.deepEqual(read([Buffer.from(`${"x".repeat(MAX + 1)}\n`)]), { lines: [], faults: ["too_long"] });
  assert.deepEqual(read([Buffer.from(`${"€".repeat(22)}\n`)]), { lines: [], faults: ["too_long"] });
  assert.deepEqual(read([Buffer.from(`${"€".repeat(21)}\n`)]), { lines: ["€".repeat(21)], faults: [] });
});

test("one broken line costs only itself", () => {
  const bytes = Buffer.concat([Buffer.from("before\n"), Buffer.of(0xc3, 0x28, 0x0a), Buffer.from("é after\nend")]);
  assert.deepEqual(read([bytes]), { lines: ["before", "é after", "end"], faults: ["encoding"] });
});

test("a line without an end is told once and not kept", () => {
  const faults: string[] = [];
  const reader = new LineReader(64 * 1024, (fault) => faults.push(fault));
  const chunk = Buffer.alloc(64 * 1024, "x");
  const before = process.memoryUsage();
  for (let sent = 0; sent < 256 * 1024 * 1024; sent += chunk.length) assert.deepEqual(reader.push(chunk), []);
  const after = process.memoryUsage();
  const grownBytes = after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed;
  assert.ok(grownBytes < 32 * 1024 * 1024, `grew by ${grownBytes} bytes`);
  assert.deepEqual(faults, ["too_long"]);
  assert.deepEqual(reader.push(Buffer.from("\nnext\n")), ["next"]);
});

test("after its end the reader is as new", () => {
  const faults: string[] = [];
  const reader = new LineReader(MAX, (fault) => faults.push(fault));
  reader.push(Buffer.alloc(1000, "x"));
  assert.deepEqual(reader.end(), []);
  assert.deepEqual(reader.push(Buffer.from("a\nb")), ["a"]);
  assert.deepEqual(reader.end(), ["b"]);
  assert.deepEqual(faults, ["too_long"]);
});
