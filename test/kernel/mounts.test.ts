import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isFuse, isRemote, mountOf, normalised, parseMountinfo, serverOf } from "../../src/kernel/mounts.ts";

const TEXT = `24 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
63 24 0:39 / /mnt/with\\040space rw,relatime shared:2 master:1 - fuse.sshfs me@host:/srv rw,user_id=0,group_id=0
64 24 0:52 /sub /data rw,relatime - nfs4 10.0.0.5:/export rw,vers=4.2,hard,proto=tcp,addr=10.0.0.5
65 24 7:0 / /data rw - ext4 /dev/loop0 rw
66 24 0:60 / /share rw - cifs //files/team rw,username=x
67 24 0:61 / /ceph rw - ceph 10.1.0.1:6789,10.1.0.2:6789:/ rw
68 24 0:62 / /host rw - virtiofs tag0 rw
not a mount
`;

describe("mountinfo", () => {
  const mounts = parseMountinfo(TEXT);
  const at = (id: number) => {
    const mount = mounts.find((candidate) => candidate.id === id);
    assert.ok(mount);
    return mount;
  };

  it("is read whatever stands between the options and the type", () => {
    assert.equal(mounts.length, 7);
    assert.deepEqual(at(63), {
      id: 63,
      device: "0:39",
      root: "/",
      mountPoint: "/mnt/with space",
      type: "fuse.sshfs",
      source: "me@host:/srv",
      options: "rw,user_id=0,group_id=0",
    });
    assert.equal(at(64).root, "/sub");
  });

  it("a path leads to the deepest mount, and to the last of several at one place", () => {
    assert.equal(mountOf(mounts, "/mnt/with space/file")?.id, 63);
    assert.equal(mountOf(mounts, "/mnt/with spaces")?.id, 24);
    assert.equal(mountOf(mounts, "/data/x")?.id, 65);
    assert.equal(mountOf(mounts, "/")?.id, 24);
    assert.equal(mountOf([], "/"), undefined);
  });

  it("who serves a file system", () => {
    assert.equal(isFuse(at(63)), true);
    assert.equal(isFuse(at(68)), false);
    assert.deepEqual(
      mounts.filter(isRemote).map(({ id }) => id),
      [64, 66, 67, 68],
    );
    assert.equal(serverOf(at(64)), "10.0.0.5");
    assert.equal(serverOf(at(66)), "files");
    assert.equal(serverOf(at(67)), "10.1.0.1:6789,10.1.0.2:6789");
    assert.equal(serverOf(at(68)), undefined);
  });

  it("a path is made plain", () => {
    assert.equal(normalised("/a/./b//../c/"), "/a/c");
    assert.equal(normalised("/../.."), "/");
  });
});
