import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseStack } from "../../src/kernel/stack.ts";

describe("a kernel stack", () => {
  it("is the names of its functions, the innermost first", () => {
    const text = `[<0>] folio_wait_bit+0xd6/0x220
[<0>] proc_get_vma.isra.0+0x9f/0x1d0
[<0>] xfs_file_fsync+0x12/0x30 [xfs]
[<0>] entry_SYSCALL_64_after_hwframe+0x76/0x7e
`;
    assert.deepEqual(parseStack(text), [
      "folio_wait_bit",
      "proc_get_vma",
      "xfs_file_fsync",
      "entry_SYSCALL_64_after_hwframe",
    ]);
  });

  it("of an older kernel shows addresses, and ends without a name", () => {
    const text = "[<ffffffff8121b8d2>] io_schedule+0x12/0x40\n[<ffffffffffffffff>] 0xffffffffffffffff\n";
    assert.deepEqual(parseStack(text), ["io_schedule"]);
  });

  it("is empty in user space, and for what is no stack", () => {
    assert.deepEqual(parseStack(""), []);
    assert.deepEqual(parseStack("nonsense\n[<0>]\n"), []);
  });
});
