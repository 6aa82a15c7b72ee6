import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import fc from "fast-check";
import { KmsgTail } from "../../src/kernel/kmsg-tail.ts";
import { parseXidLine, XID_MARK } from "../../src/kernel/nvml-log.ts";
import { anyText } from "./support.ts";

/** As dmesg printed it on an H100 with driver 580, on which two programs had written to address 0. */
const RECORDED = readFileSync(join(import.meta.dirname, "..", "fixtures", "nvml", "dmesg-h100.txt"), "utf8");

test("the XIDs of a real log, and nothing else of the driver's", () => {
  const texts = RECORDED.split("\n").map((line) => line.replace(/^\[[^\]]*\] /, ""));
  const xids = texts.flatMap((text) => parseXidLine(text) ?? []);
  assert.deepEqual(
    xids.map(({ pci, code, pid, name }) => [pci, code, pid, name]),
    [
      ["0000:00:06.0", 31, 573, "load"],
      ["0000:00:06.0", 31, 851, "load"],
    ],
  );
  assert.match(xids[0]?.rest ?? "", /^channel 0x0000000b, .*MMU Fault/);
});

test("the forms of other drivers", () => {
  const lines = {
    "NVRM: Xid (0000:01:00): 13, 0005 00000000 0000502d": { pci: "0000:01:00.0", code: 13 },
    "NVRM: Xid (PCI:0000:01:00): 13, pid=77, Graphics SM Warp Exception": { pci: "0000:01:00.0", code: 13, pid: 77 },
    "NVRM: Xid (PCI:0000:3B:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.": {
      pci: "0000:3b:00.0",
      code: 79,
    },
    "NVRM: Xid (PCI:0001:3b:00 GPU-I:05): 43, pid=77, name=a b, Ch 00000008": {
      pci: "0001:3b:00.0",
      code: 43,
      pid: 77,
      name: "a b",
      gpuInstance: 5,
    },
    "NVRM: Xid (PCI:0000:3b:00): 154, GPU recovery action changed from 0x0 (None)": { pci: "0000:3b:00.0", code: 154 },
    "NVRM: Xid (PCI:0000:3b:00): 63": { pci: "0000:3b:00.0", code: 63 },
  };
  for (const [text, expected] of Object.entries(lines)) {
    const { rest, ...xid } = parseXidLine(text) ?? {};
    assert.deepEqual(xid, expected, text);
    assert.equal(typeof rest, "string");
  }
});

test("what is no XID is none, whatever it is", () => {
  for (const text of [
    "",
    "NVRM: Xid (PCI:zz): 13, x",
    "NVRM: Xid (PCI:0000:01:00): x",
    "say NVRM: Xid (0000:01:00): 13",
  ]) {
    assert.equal(parseXidLine(text), undefined, text);
  }
  fc.assert(
    fc.property(anyText, anyText, (head, tail) => {
      parseXidLine(head + tail);
      parseXidLine(`NVRM: Xid (PCI:0000:01:00): 31, pid=${head}, name=${tail}`);
    }),
  );
});

test("the log is read on from where it was read last, and only what the kernel itself wrote", (t) => {
  const log = tempFile(
    t,
    `4,1,1000000,-;${XID_MARK}0000:01:00): 13, a\n11,2,1000000,-;${XID_MARK}0000:01:00): 79, forged\n`,
  );
  const tail = new KmsgTail("/proc", log);
  t.after(() => tail.close());
  assert.deepEqual(
    tail.take(XID_MARK).map(({ text }) => text),
    [`${XID_MARK}0000:01:00): 13, a`],
  );
  assert.deepEqual(tail.take(XID_MARK), []);
  appendFileSync(log, `4,3,2000000,-;nothing of note\n DEVICE=x\n4,4,2000000,-;${XID_MARK}0000:01:00): 31, b\n`);
  const [next, ...others] = tail.take(XID_MARK);
  assert.equal(next?.text, `${XID_MARK}0000:01:00): 31, b`);
  assert.ok((next?.ageMs ?? -1) >= 0);
  assert.equal(others.length, 0);
});

test("a log that may not be read says nothing", () => {
  assert.deepEqual(new KmsgTail("/proc", "/nonexistent").take(XID_MARK), []);
});

function tempFile(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "xctl-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "kmsg");
  writeFileSync(path, text);
  return path;
}
