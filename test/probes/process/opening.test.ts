import assert from "node:assert/strict";
import { test } from "node:test";
import { processProbe } from "../../../src/probes/process/index.ts";

const skip = process.platform === "linux" ? false : "needs Linux";

test(
  "a question that comes while the probe still opens waits for it, and a list for its first look",
  { skip },
  async () => {
    const probe = processProbe();
    const stop = new AbortController();
    const context = { signal: stop.signal, now: Date.now, log: () => {}, interval: 1000, reject: () => {} };
    assert.equal(probe.status?.().sampled, true, "nobody waits for one that does not run");
    const looks = probe.run(context)[Symbol.asyncIterator]();
    const first = looks.next();
    assert.equal(probe.status?.().sampled, false);
    const told = (await probe.inspect?.([process.pid], context)) ?? [];
    assert.ok(told.some(({ pid, event_type }) => pid === process.pid && event_type === "process.state"));
    await first;
    while (probe.status?.().sampled === false) await looks.next();
    stop.abort();
    await looks.return?.();
  },
);
