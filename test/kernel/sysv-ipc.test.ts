import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMessageQueues } from "../../src/kernel/sysv-ipc.ts";

const TABLE = `       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime
         0          5   600          16          2  8541  8556     0     0     0     0 1795355730 1795355730 1795355729
-1163005939     32769   644           0          0     0     0  1000  1000  1000  1000          0          0 1795355729
`;

test("rows of /proc/sysvipc/msg", () => {
  assert.deepEqual(parseMessageQueues(TABLE), [
    { id: 5, messages: 2, bytes: 16, lastSender: 8541, lastReceiver: 8556 },
    { id: 32769, messages: 0, bytes: 0, lastSender: 0, lastReceiver: 0 },
  ]);
  assert.deepEqual(parseMessageQueues(""), []);
  assert.deepEqual(parseMessageQueues("0 x 600 1\nnonsense"), []);
});
