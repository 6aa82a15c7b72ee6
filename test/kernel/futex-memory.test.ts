import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mapsPlace, placeIn } from "../../src/kernel/futex-memory.ts";

const MAPS = `
55d0a1c00000-55d0a1c01000 r--p 00000000 fe:00 2155395                    /usr/bin/my program
55d0a2000000-55d0a2021000 rw-p 00000000 00:00 0                          [heap]
7f1000000000-7f1000021000 rw-p 00000000 00:00 0 
7f1000100000-7f1000102000 rw-s 00001000 00:1a 42                         /dev/shm/a b (deleted)
7f1000200000-7f1000201000 rw-s 00000000 00:01 1026                       /SYSV00000000 (deleted)
`.trimStart();

describe("where an address lies", () => {
  it("is a place in shared memory", () => {
    assert.deepEqual(placeIn(MAPS, 0x7f1000100010n), {
      file: "00:1a:42",
      offset: 0x1010n,
      path: "/dev/shm/a b (deleted)",
    });
    assert.deepEqual(placeIn(MAPS, 0x7f1000200000n), {
      file: "00:01:1026",
      offset: 0n,
      path: "/SYSV00000000 (deleted)",
    });
  });

  it("is the process's own, or nowhere", () => {
    assert.equal(placeIn(MAPS, 0x55d0a2000000n), "private");
    assert.equal(placeIn(MAPS, 0x7f1000020fffn), "private");
    assert.equal(placeIn(MAPS, 0x7f1000102000n), undefined);
    assert.equal(placeIn("", 0n), undefined);
  });
});

describe("whether another process means the same place", () => {
  const place = { file: "00:1a:42", offset: 0x1010n, path: "" };

  it("is told by file and offset, not by the address", () => {
    const other = "7fffe0000000-7fffe0002000 rw-s 00000000 00:1a 42                         /dev/shm/other name\n";
    assert.ok(mapsPlace(other, place));
    assert.ok(!mapsPlace(other.replace("rw-s", "rw-p"), place));
    assert.ok(!mapsPlace(other.replace(" 42 ", " 43 "), place));
    assert.ok(!mapsPlace(other.replace("7fffe0002000", "7fffe0001000"), place));
    assert.ok(mapsPlace(MAPS, place));
  });
});
