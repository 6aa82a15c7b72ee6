/** No file that a probe reads can break it, wherever it is cut off: whole recorded machines, cut at random. */
import assert from "node:assert/strict";
import {
  cpSync,
  globSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { listFds } from "../../src/kernel/fds.ts";
import { readPids, readText, readTids } from "../../src/kernel/procfs.ts";
import { check } from "../../src/model/event.ts";
import { drmProbe } from "../../src/probes/drm/index.ts";
import { networkProbe } from "../../src/probes/network/index.ts";
import { nvmlProbe } from "../../src/probes/nvml/index.ts";
import type { Probe } from "../../src/probes/probe.ts";
import { processProbe } from "../../src/probes/process/index.ts";
import { storageProbe } from "../../src/probes/storage/index.ts";
import { notLinux, storageFixture } from "../kernel/support.ts";
import { Tree } from "../kernel/tree.ts";
import { noStandIn, StandIn } from "./nvml/standin.ts";

const FIXTURES = join(import.meta.dirname, "..", "fixtures");
const ROUNDS = 8;
const FAST = { XCTL_NETWORK_INTERVAL: "0.1", XCTL_STORAGE_INTERVAL: "0.1", XCTL_DRM_INTERVAL: "0.1" };

let standIn: StandIn | undefined;

interface Machine {
  name: string;
  /** Puts the recorded machine into the folder. */
  plant(root: string): void;
  probe(root: string): Probe;
  /** Those that are looked at closely as well. */
  pids?(root: string): number[];
  /** Why it cannot be played here. */
  skip?: string | false;
}

const copied = (from: string) => (root: string) => cpSync(from, root, { recursive: true, verbatimSymlinks: true });

const MACHINES: readonly Machine[] = [
  {
    name: "process",
    plant: (root) => {
      recordProc(root);
      copied(join(FIXTURES, "proc", "x64-6.18"))(root);
    },
    probe: (root) => processProbe({ proc: root }),
    pids: readPids,
  },
  {
    name: "network, with RDMA",
    plant: (root) => ["x64-6.18", "rdma"].forEach((name) => copied(join(FIXTURES, "net", name))(root)),
    probe: (root) => networkProbe({ proc: `${root}/proc`, sys: `${root}/sys` }),
  },
  {
    name: "nvml",
    skip: noStandIn,
    plant: recordGpus,
    probe: (root) => {
      standIn ??= new StandIn("gpus 1\n0 util 85 40\n0 memory 81559 40000");
      Object.assign(process.env, standIn.environment);
      return nvmlProbe({ intervalMs: 100, proc: `${root}/proc`, kmsg: `${root}/kmsg` });
    },
  },
  { name: "storage", plant: copied(storageFixture), probe: (root) => storageProbe({ proc: `${root}/proc` }) },
  ...["amdgpu-mi250", "i915", "xe"].map((card) => ({
    name: `drm, ${card}`,
    plant: (root: string) => {
      const tree = new Tree(`drm/${card}`);
      cpSync(tree.root, root, { recursive: true, verbatimSymlinks: true });
      tree.remove();
    },
    probe: (root: string) => drmProbe({ root }),
  })),
];

/** A /proc of the processes that there are, as far as the process probe reads it. */
function recordProc(root: string): void {
  const copy = (path: string) => {
    const text = readText(`/proc/${path}`, 1 << 16);
    if (text === undefined) return;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  for (const file of ["stat", "uptime", "locks", "self/mountinfo", "net/unix", "net/tcp"]) copy(file);
  for (const pid of readPids("/proc").slice(-12)) {
    const folders = [`${pid}`, ...readTids("/proc", pid).map((tid) => `${pid}/task/${tid}`)];
    const files = ["stat", "status", "schedstat", "syscall", "wchan", "stack", "cgroup", "children"];
    for (const folder of folders) for (const file of files) copy(`${folder}/${file}`);
    for (const { fd, target } of listFds("/proc", pid) ?? []) {
      copy(`${pid}/fdinfo/${fd}`);
      mkdirSync(join(root, `${pid}/fd`), { recursive: true });
      symlinkSync(target, join(root, `${pid}/fd/${fd}`));
    }
  }
}

/** What the driver logged, and the processes that may be on a GPU. */
function recordGpus(root: string): void {
  mkdirSync(join(root, "proc"));
  recordProc(join(root, "proc"));
  copied(join(FIXTURES, "nvml", "dmesg-h100.txt"))(join(root, "kmsg"));
}

/** Numbers from 0 to 1 that a seed repeats (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function cutAtRandom(root: string, random: () => number): number {
  const files = globSync("**", { cwd: root }).filter((path) => lstatSync(join(root, path)).isFile());
  for (const path of files) {
    const file = join(root, path);
    truncateSync(file, Math.floor(random() * (lstatSync(file).size + 1)));
  }
  return files.length;
}

/** What the probe tells in its first looks, and when these are looked at closely. */
async function looks(probe: Probe, count: number, pids: readonly number[]): Promise<unknown[]> {
  const stop = new AbortController();
  const late = setTimeout(() => stop.abort(), 1_500);
  const context = { signal: stop.signal, now: Date.now, log: () => {}, interval: 100, reject: () => {} };
  const events: unknown[] = [];
  let seen = 0;
  try {
    for await (const batch of probe.run(context)) {
      events.push(...batch);
      if (seen === 0) events.push(...((await probe.inspect?.(pids, context)) ?? []));
      if (++seen >= count) stop.abort();
    }
  } finally {
    clearTimeout(late);
  }
  return events;
}

function machine(context: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), "xctl-fuzz-"));
  context.after(() => rmSync(root, { recursive: true }));
  return root;
}

describe("files cut off at random", { skip: notLinux }, () => {
  Object.assign(process.env, FAST);
  after(() => standIn?.remove());
  for (const { name, plant, probe, pids = () => [], skip = false } of MACHINES) {
    it(name, { skip }, async (context) => {
      const whole = machine(context);
      plant(whole);
      assert.ok((await looks(probe(whole), 2, pids(whole))).length > 0, "nothing is told of the whole machine");
      const seed = Date.now() & 0x7fffffff;
      context.diagnostic(`seed ${seed}`);
      const random = randomFrom(seed);
      for (let round = 0; round < ROUNDS; round++) {
        const root = machine(context);
        plant(root);
        assert.ok(cutAtRandom(root, random) > 5);
        for (const event of await looks(probe(root), 2, pids(root)))
          assert.equal(check(event), event, JSON.stringify(event));
      }
    });
  }
});
