/** What the kernel log, the controllers and pressure amount to. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { BlockingReader } from "../../../src/kernel/blocking.ts";
import type { StorageError, StorageErrorKind } from "../../../src/kernel/kmsg.ts";
import { check } from "../../../src/model/event.ts";
import { Controllers } from "../../../src/probes/storage/controllers.ts";
import { LogFaults } from "../../../src/probes/storage/log-faults.ts";
import { cgroupPressure, machinePressure, pressureEvent } from "../../../src/probes/storage/pressure.ts";
import { cgroupMachine } from "../../kernel/cgroup-fixture.ts";
import { notLinux, storageFixture, until } from "../../kernel/support.ts";
import { nvmeTree } from "./nvme-tree.ts";

const logged = (kind: StorageErrorKind, device: string): StorageError => ({ kind, device, atMs: 0, text: `${kind}!` });
const noDisks = () => [];

const entities = (faults: LogFaults, disksOf: (name: string) => readonly string[] = noDisks) =>
  faults.faults(disksOf).map(({ entity, head }) => `${entity} ${head}`);

describe("what was logged of a device", () => {
  it("is its fault for a minute after the last record", () => {
    const faults = new LogFaults();
    faults.note([logged("IO_ERROR", "sda"), logged("IO_ERROR", "sda")], 0);
    faults.note([logged("IO_ERROR", "sda")], 30_000);
    assert.deepEqual(entities(faults), ["sda IO_ERROR"]);
    faults.note([], 89_999);
    assert.deepEqual(entities(faults), ["sda IO_ERROR"]);
    faults.note([], 90_000);
    assert.deepEqual(entities(faults), []);
  });

  it("is that of a controller's disks, where it names the controller", () => {
    const faults = new LogFaults();
    faults.note([logged("RESET", "nvme0")], 0);
    assert.deepEqual(
      entities(faults, () => ["nvme0n1", "nvme0n2"]),
      ["nvme0n1 RESET", "nvme0n2 RESET"],
    );
    assert.deepEqual(entities(faults), ["nvme0 RESET"]);
  });

  it("leaves a file system's errors to the mount, and is forgotten with the device", () => {
    const faults = new LogFaults();
    faults.note([logged("FS_ERROR", "loop0"), logged("IO_ERROR", "loop0"), logged("IO_ERROR", "sda")], 0);
    assert.deepEqual(entities(faults), ["loop0 IO_ERROR", "sda IO_ERROR"]);
    faults.forget("loop0");
    assert.deepEqual(entities(faults), ["sda IO_ERROR"]);
  });

  it("what only may slow it down is a warning", () => {
    const faults = new LogFaults();
    faults.note([logged("HUNG_TASK", "sda1"), logged("RESET", "sda")], 0);
    assert.deepEqual(
      faults.faults(noDisks).map(({ isWarning, cause }) => [isWarning, cause]),
      [
        [true, "storage.slow"],
        [undefined, undefined],
      ],
    );
  });

  it("only so many are kept", () => {
    const faults = new LogFaults();
    faults.note(
      Array.from({ length: 1000 }, (_, index) => logged("IO_ERROR", `sd${index}`)),
      0,
    );
    assert.equal(faults.faults(noDisks).length, 256);
    assert.equal(faults.failedWithin(0, 0).length, 256);
    assert.equal(faults.failedWithin(10, 11).length, 0);
  });
});

describe("NVMe controllers", { skip: notLinux }, () => {
  it("tell of themselves with their disks; one that is dead fails those, one too hot slows them down", async (context) => {
    const sys = nvmeTree(context);
    const reader = new BlockingReader();
    context.after(() => reader.close());
    const controllers = new Controllers(sys, reader);
    controllers.look(0);
    assert.deepEqual(
      controllers.faults().map(({ entity, head }) => `${entity} ${head}`),
      ["nvme1n1 CONTROLLER_DEAD", "nvme1n2 CONTROLLER_DEAD"],
    );
    await until(() => controllers.facts().get("nvme0n1")?.temperature_c !== undefined, "a temperature");
    assert.deepEqual(controllers.facts().get("nvme0n1"), {
      controller: "nvme0",
      controller_state: "live",
      model: "Example SSD 980",
      firmware: "5B2QGXA7",
      temperature_c: 41.85,
    });
    await until(() => controllers.faults().length === 4, "the second to be too hot");
    const heat = controllers.faults().find(({ head }) => head === "OVERHEATED");
    assert.equal(heat?.observed, "90 °C, critical from 84.85 °C");
    writeFileSync(`${sys}/class/nvme/nvme0/state`, "resetting\n");
    controllers.look(1);
    assert.ok(controllers.faults().some(({ entity, head }) => entity === "nvme0n1" && head === "CONTROLLER_RESETTING"));
    assert.deepEqual(controllers.disksOf("nvme1"), ["nvme1n1", "nvme1n2"]);
  });
});

describe("pressure", () => {
  it("of the machine is three figures", () => {
    const events = machinePressure(`${storageFixture}/proc`, 5);
    assert.deepEqual(
      events.map(({ event_type, entity_id }) => `${entity_id} ${event_type}`),
      ["pressure compute.util", "pressure compute.mem", "pressure storage.qdepth"],
    );
    for (const event of events) {
      assert.equal(typeof check(event), "object");
      assert.equal(event.attrs?.some_ratio, Number(event.value) / 100);
    }
  });

  it("of a cgroup in which anybody waited, two levels deep", () => {
    const told = cgroupPressure(cgroupMachine("v2-only").proc, 5).map(({ entity_id }) => entity_id);
    assert.deepEqual(told, ["pressure:/system.slice/encoder.service"]);
  });

  it("is left out where the kernel does not tell", () => {
    assert.deepEqual(pressureEvent("pressure", "io", undefined, 5), []);
    assert.deepEqual(pressureEvent("pressure", "io", "some avg10=1.00 avg60", 5), []);
    assert.deepEqual(machinePressure("/nonexistent", 5), []);
  });
});
