import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFdinfo } from "../../../src/kernel/fds.ts";
import { epollSet } from "../../../src/probes/process/poll-set.ts";
import { parseOperations } from "../../../src/probes/process/waits/sysv-ipc.ts";

const FDINFO = `pos:	0
flags:	02000002
mnt_id:	17
ino:	1038
tfd:        6 events:       1d data:     7f0200000006  pos:0 ino:156e12 sdev:9
tfd:        4 events: 80002019 data:                4  pos:0 ino:156e11 sdev:f
tfd:        9 events: 40000000 data:                9  pos:0 ino:156e13 sdev:f
`;

test("an epoll set: what each file is watched for, and which have been disarmed", () => {
  const info = parseFdinfo(FDINFO);
  assert.ok(info);
  assert.deepEqual(epollSet(info), {
    watched: [
      { fd: 6, reads: true, writes: true, edge: false, ino: 0x156e12 },
      { fd: 4, reads: true, writes: false, edge: true, ino: 0x156e11 },
    ],
    complete: true,
  });
});

test("an epoll set that is too large is cut, and says so", () => {
  const tfds = Array.from({ length: 600 }, (_, fd) => ({ fd, events: 1 }));
  const { watched, complete } = epollSet({ tfds });
  assert.equal(watched.length, 512);
  assert.equal(complete, false);
});

test("semaphore operations", () => {
  const bytes = Buffer.alloc(13);
  bytes.writeUInt16LE(3, 0);
  bytes.writeInt16LE(-1, 2);
  bytes.writeUInt16LE(0, 6);
  bytes.writeInt16LE(0, 8);
  assert.deepEqual(parseOperations(bytes), [
    { number: 3, change: -1 },
    { number: 0, change: 0 },
  ]);
});
