import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { callersOn } from "../../src/kernel/user-stack.ts";
import { anyText } from "./support.ts";

const MAPS = `55d51f800000-55d51f900000 r-xp 00001000 fd:00 131 /usr/bin/load
55d51f900000-55d51fa00000 rw-p 00000000 00:00 0 [heap]
7f0815000000-7f0817000000 r--p 00000000 fd:00 77 /usr/local/nvidia/lib64/libcuda.so.580.159.04
7f0817000000-7f0819000000 r-xp 02000000 fd:00 77 /usr/local/nvidia/lib64/libcuda.so.580.159.04
7f081d000000-7f081d200000 r-xp 00028000 fd:00 99 /usr/lib/x86_64-linux-gnu/libc.so.6
7f081e000000-7f081e100000 r-xp 00000000 fd:00 12 /opt/my lib/libmine.so.1 (deleted)
7ffc983f0000-7ffc983f2000 r-xp 00000000 00:00 0 [vdso]
`;

function stack(...words: bigint[]): Buffer {
  const bytes = Buffer.alloc(words.length * 8);
  for (const [at, word] of words.entries()) bytes.writeBigUInt64LE(word, at * 8);
  return bytes;
}

describe("whose code a thread was called from", () => {
  it("is whose code its stack points into, the C library's left out", () => {
    const words = stack(0n, 0x7f081d098e51n, 0x7ffc983f0400n, 0x7f0817001234n, 0x55d51f900010n);
    assert.deepEqual([...callersOn(words, MAPS)], ["libcuda.so.580.159.04"]);
  });

  it("of several it names all, by their files' names, the innermost first", () => {
    const words = stack(0x55d51f800000n, 0x7f081e000001n, 0x55d51f8fffffn);
    assert.deepEqual([...callersOn(words, MAPS)], ["load", "libmine.so.1"]);
  });

  it("data, the ends of a mapping and half a word are no code", () => {
    assert.equal(callersOn(stack(0x7f0816000000n, 0x7f0819000000n, 0x55d51f900000n), MAPS).size, 0);
    assert.equal(callersOn(stack(0x7f0817001234n).subarray(0, 7), MAPS).size, 0);
  });

  it("nothing makes it throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), anyText, (bytes, text) => void callersOn(Buffer.from(bytes), text)),
    );
  });
});
