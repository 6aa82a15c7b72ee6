/** Which mounts are looked at, and what their figures amount to. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FileSystemUse } from "../../../src/kernel/file-use.ts";
import { parseMountinfo, type Mount } from "../../../src/kernel/mounts.ts";
import { faultsOf, fileSystemId, type FileSystemLook } from "../../../src/probes/storage/fs-state.ts";
import { localMounts } from "../../../src/probes/storage/local-mounts.ts";

const TABLE = `27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
28 27 0:21 / /proc rw - proc proc rw
29 27 0:5 / /dev rw - devtmpfs devtmpfs rw
30 29 0:23 / /dev/shm rw - tmpfs tmpfs rw,size=1k
31 29 0:27 / /dev/shm rw - tmpfs tmpfs rw,size=24684096k
32 27 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
33 27 0:30 / /opt/tools ro - tmpfs tools ro,size=4k
34 27 254:0 /srv/www /var/www rw - ext4 /dev/vda rw
35 27 7:1 / /snap/core ro - squashfs /dev/loop1 ro
36 27 0:52 / /data rw - nfs4 10.0.0.5:/export rw,addr=10.0.0.5
37 27 0:53 / /srv/remote rw - fuse.sshfs host: rw
38 27 0:54 / /var/lib/docker/overlay2/1/merged rw - overlay overlay rw,lowerdir=/l,upperdir=/u
39 27 0:55 /@ /pool rw - btrfs /dev/sdb1 rw,subvol=/@
40 27 8:17 / /a/long/way/to/it rw - xfs /dev/sdc1 rw
41 27 8:17 / /short rw - xfs /dev/sdc1 rw
42 27 8:17 /sub /s rw - xfs /dev/sdc1 rw
`;
const GIB = 1 << 30;

function mountOf(options: string, type = "ext4"): Mount {
  return { id: 44, device: "7:0", root: "/", mountPoint: "/mnt", type, source: "/dev/loop0", options };
}

function use(changes: Partial<FileSystemUse> = {}): FileSystemUse {
  const half = { blocks: GIB / 4096, freeBlocks: GIB / 8192, availableBlocks: GIB / 8192 };
  return { blockBytes: 4096, inodes: 1000, freeInodes: 500, ...half, ...changes };
}

function heads(look: Partial<FileSystemLook>): string[] {
  const nothing = { mount: mountOf("rw"), use: use(), errors: undefined, failure: undefined, madeReadOnly: undefined };
  return faultsOf({ ...nothing, ...look }).map(({ head }) => head);
}

describe("the mounts that are looked at", () => {
  it("are those of file systems of this machine that can be full, once each, where they are best known", () => {
    assert.deepEqual(
      localMounts(parseMountinfo(TABLE)).map(({ mountPoint }) => mountPoint),
      ["/", "/pool", "/short", "/dev/shm"],
    );
  });

  it("a container's root is all that is seen from inside", () => {
    const inside = parseMountinfo("9 1 0:54 / / rw - overlay overlay rw,lowerdir=/l,upperdir=/u\n");
    assert.equal(localMounts(inside).length, 1);
  });

  it("are bounded, and those on disks come first", () => {
    const many = Array.from({ length: 100 }, (_, index) => `${index} 1 0:${index} / /t/${index} rw - tmpfs tmpfs rw`);
    const found = localMounts(parseMountinfo([...many, "200 1 8:1 / / rw - ext4 /dev/sda1 rw"].join("\n")));
    assert.equal(found.length, 64);
    assert.equal(found[0]?.mountPoint, "/");
  });
});

describe("a file system", () => {
  it("with room is in no trouble, and one that does not answer is not said to be", () => {
    assert.deepEqual(heads({}), []);
    assert.deepEqual(heads({ use: undefined }), []);
  });

  it("is full where ordinary users have no block, though root has some", () => {
    assert.deepEqual(heads({ use: use({ availableBlocks: 0 }) }), ["FS_FULL"]);
    assert.deepEqual(heads({ use: use({ availableBlocks: 15 }) }), ["FS_FULL"], "60 KiB of a GiB");
    assert.deepEqual(heads({ use: use({ availableBlocks: 16 }) }), []);
    assert.deepEqual(heads({ use: use({ blocks: 1, freeBlocks: 1, availableBlocks: 1 }) }), [], "a tiny one with room");
  });

  it("is out of inodes where its type has a fixed number of them", () => {
    assert.deepEqual(heads({ use: use({ freeInodes: 0 }) }), ["INODES_FULL"]);
    assert.deepEqual(heads({ use: use({ inodes: 0, freeInodes: 0 }) }), []);
    assert.deepEqual(heads({ use: use({ availableBlocks: 0, freeInodes: 0 }) }), ["FS_FULL"]);
  });

  it("that somebody mounted read-only may be as full as it likes", () => {
    assert.deepEqual(heads({ mount: mountOf("ro"), use: use({ availableBlocks: 0, freeBlocks: 0 }) }), []);
  });

  it("is read-only by error where it says so, counted errors, or the kernel logged it", () => {
    const errors = { count: 2, source: "/sys/fs/ext4/loop0/errors_count", last: "ext4_find_entry" };
    assert.deepEqual(heads({ mount: mountOf("rw,errors=remount-ro,emergency_ro") }), ["FS_READ_ONLY"]);
    assert.deepEqual(heads({ mount: mountOf("rw,shutdown") }), ["FS_READ_ONLY"]);
    assert.deepEqual(heads({ mount: mountOf("ro"), errors }), ["FS_READ_ONLY"]);
    assert.deepEqual(heads({ mount: mountOf("ro", "btrfs"), madeReadOnly: "forced readonly" }), ["FS_READ_ONLY"]);
    assert.deepEqual(heads({ mount: mountOf("rw,errors=remount-ro"), errors }), [], "errors alone do not make it so");
    assert.deepEqual(heads({ mount: mountOf("ro"), errors: { ...errors, count: 0 } }), []);
  });

  it("has errors while they are fresh", () => {
    assert.deepEqual(heads({ failure: { source: "/dev/kmsg", observed: "XFS (sda1): metadata I/O error" } }), [
      "FS_ERROR",
    ]);
  });

  it("has an id of at most 512 bytes, whatever its path", () => {
    assert.equal(fileSystemId("/mnt"), "fs:/mnt");
    assert.ok(Buffer.byteLength(fileSystemId(`/${"ü".repeat(2000)}`)) <= 512);
  });
});
