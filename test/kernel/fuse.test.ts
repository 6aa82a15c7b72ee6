import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connectionOf, controlFolder, parseConnection } from "../../src/kernel/fuse.ts";

describe("a FUSE connection", () => {
  it("has the number of its mount's device", () => {
    assert.equal(connectionOf("0:39"), 39);
    // fuseblk: NTFS on /dev/sda1.
    assert.equal(connectionOf("8:1"), 8_388_609);
    assert.equal(connectionOf("x"), undefined);
    assert.equal(controlFolder(39), "/sys/fs/fuse/connections/39");
  });

  it("is named by the server's open device, on kernels that tell", () => {
    assert.equal(parseConnection("pos:\t0\nflags:\t02100002\nmnt_id:\t58\nino:\t90\nfuse_connection:\t39\n"), 39);
    assert.equal(parseConnection("pos:\t0\nflags:\t02100002\nmnt_id:\t58\n"), undefined);
  });
});
