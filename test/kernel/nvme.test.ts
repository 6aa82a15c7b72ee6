import assert from "node:assert/strict";
import { test } from "node:test";
import { readNvmeControllers } from "../../src/kernel/nvme.ts";
import { nvmeTree } from "../probes/storage/nvme-tree.ts";

test("controllers, their disks and where their temperature is read", (context) => {
  const sys = nvmeTree(context);
  assert.deepEqual(readNvmeControllers(sys), [
    {
      name: "nvme0",
      state: "live",
      model: "Example SSD 980",
      firmware: "5B2QGXA7",
      disks: ["nvme0n1"],
      sensor: `${sys}/class/nvme/nvme0/hwmon2`,
    },
    {
      name: "nvme1",
      state: "dead",
      model: "Example SSD 970",
      firmware: "2B2QEXE7",
      disks: ["nvme1n1", "nvme1n2"],
      sensor: `${sys}/class/nvme/nvme1/device/hwmon/hwmon3`,
    },
  ]);
});

test("a machine without any has none", () => {
  assert.deepEqual(readNvmeControllers("/nonexistent"), []);
});
