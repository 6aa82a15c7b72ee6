/** A machine with two NVMe controllers, as sysfs shows them on Linux 6.x: the first lives, the second is dead. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";

const FILES: Record<string, string> = {
  "nvme0/state": "live\n",
  // Padded with spaces, as the controller tells it.
  "nvme0/model": "Example SSD 980                         \n",
  "nvme0/firmware_rev": "5B2QGXA7\n",
  "nvme0/nvme0n1/size": "2000409264\n",
  "nvme0/hwmon2/temp1_input": "41850\n",
  "nvme0/hwmon2/temp1_crit": "84850\n",
  "nvme1/state": "dead\n",
  "nvme1/model": "Example SSD 970\n",
  "nvme1/firmware_rev": "2B2QEXE7\n",
  "nvme1/nvme1c1n1/size": "8\n",
  "nvme1/nvme1n2/size": "8\n",
  "nvme1/device/hwmon/hwmon3/temp1_input": "90000\n",
  "nvme1/device/hwmon/hwmon3/temp1_crit": "84850\n",
};

/** The folder to take for /sys. */
export function nvmeTree(context: Pick<TestContext, "after">): string {
  const sys = mkdtempSync(join(tmpdir(), "xctl-sys-"));
  context.after(() => rmSync(sys, { recursive: true }));
  for (const [path, text] of Object.entries(FILES)) {
    const file = join(sys, "class/nvme", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return sys;
}
