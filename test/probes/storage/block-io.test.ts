/** Requests to disks as eBPF sees them: how long they took, who asked, and whose failed. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { parseFailure } from "../../../src/kernel/bpf-block.ts";
import { readDiskStats } from "../../../src/kernel/diskstats.ts";
import { check } from "../../../src/model/event.ts";
import { BlockIo } from "../../../src/probes/storage/block-io.ts";

let refusal = "";
const opened = await BlockIo.open("/proc", "/sys", (message) => (refusal = message));
opened?.close();
const skip = opened === undefined ? refusal : process.getuid?.() === 0 ? false : "needs root for a loop device";

const BYTES = 4 << 20;
const nameOf = (device: string) => readDiskStats("/proc").find((disk) => disk.device === device)?.name;

/** A loop device over a file of so many bytes, cut to so many afterwards: what lay behind that cannot be read. */
function loopDevice(context: TestContext, leftBytes: number): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "xctl-block-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const image = join(folder, "image");
  writeFileSync(image, "");
  truncateSync(image, BYTES);
  try {
    const device = execFileSync("losetup", ["--find", "--show", image], { encoding: "utf8", stdio: "pipe" }).trim();
    context.after(() => execFileSync("losetup", ["--detach", device]));
    truncateSync(image, leftBytes);
    return device;
  } catch {
    context.skip("no loop device can be had");
    return undefined;
  }
}

/** Reads a block at that place, again and again, and not from memory; it has begun when it prints. */
async function reader(context: TestContext, device: string, offset: number): Promise<number> {
  const source = `
import os, sys, time
f = os.open(sys.argv[1], os.O_RDONLY)
while True:
    os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED)
    try: os.pread(f, 4096, int(sys.argv[2]))
    except OSError: pass
    print("read", flush=True)
    time.sleep(0.05)
`;
  const child = spawn("python3", ["-c", source, device, String(offset)], { stdio: ["ignore", "pipe", "ignore"] });
  context.after(() => void child.kill("SIGKILL"));
  await once(child.stdout as NodeJS.ReadableStream, "data");
  return child.pid as number;
}

async function eventually<T>(look: () => T | undefined): Promise<T> {
  const end = Date.now() + 20_000;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    assert.ok(Date.now() < end, "never seen");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function watching(body: (blockIo: BlockIo) => Promise<void>): Promise<void> {
  const blockIo = await BlockIo.open("/proc", "/sys", () => {});
  assert.ok(blockIo !== undefined);
  try {
    await body(blockIo);
  } finally {
    blockIo.close();
  }
}

describe("requests to a disk", { skip }, () => {
  it("are told with who asked, and how long the disk took", (context) =>
    watching(async (blockIo) => {
      const device = loopDevice(context, BYTES);
      if (device === undefined) return;
      const pid = await reader(context, device, 0);
      const share = await eventually(() => {
        blockIo.look(0);
        return blockIo.shares(1, nameOf, 0).find((event) => event.pid === pid && `/dev/${event.entity_id}` === device);
      });
      assert.equal(typeof check(share), "object");
      assert.equal(share.event_type, "storage.iops");
      assert.ok(Number(share.value) >= 1);
      const { bytes_per_second, await_ms, await_max_ms } = share.attrs as Record<string, number>;
      assert.ok((bytes_per_second as number) >= 4096);
      assert.ok((await_ms as number) > 0 && (await_max_ms as number) >= (await_ms as number));
      const latency = [...blockIo.latencies.values()].find((disk) => `/dev/${nameOf(disk.device)}` === device);
      assert.ok(latency !== undefined);
      assert.equal(
        latency.buckets.reduce((sum, count) => sum + count, 0),
        latency.count,
      );
      assert.ok(latency.sumMs <= latency.maxMs * latency.count);
      assert.equal(blockIo.lost, 0);
    }));

  it("that fail hit who asked, and not who else uses the disk", (context) =>
    watching(async (blockIo) => {
      const device = loopDevice(context, BYTES / 2);
      if (device === undefined) return;
      const victim = await reader(context, device, BYTES - 65_536);
      const other = await reader(context, device, 0);
      const users = new Set<number | null | undefined>();
      const fault = await eventually(() => {
        blockIo.look(Date.now());
        for (const event of blockIo.shares(1, nameOf, 0)) users.add(event.pid);
        return users.has(other) ? blockIo.faults(nameOf).find(({ pid }) => pid === victim) : undefined;
      });
      assert.deepEqual([fault.head, fault.label, fault.source], ["IO_ERROR", device, "tracepoint block_rq_complete"]);
      assert.match(fault.observed, /^read of \d+ bytes at sector \d+: EIO$/);
      assert.ok(!blockIo.faults(nameOf).some(({ pid }) => pid === other));
      process.kill(victim, "SIGKILL");
      await eventually(() => {
        blockIo.look(Date.now());
        return blockIo.faults(nameOf).some(({ pid }) => pid === victim) ? undefined : true;
      });
    }));
});

describe("a failed request", () => {
  it("that the disk does not know is none", () => {
    const record = Buffer.alloc(40);
    record.writeUInt32LE(1, 8);
    assert.equal(parseFailure(record), undefined);
  });

  it("is told with what it was, whatever the bytes", () => {
    const failure = parseFailure(Buffer.alloc(40, 0xff));
    assert.deepEqual(
      [failure?.operation, failure?.error, failure?.device],
      ["operation 255", "status 4294967295", "4095:1048575"],
    );
  });
});
