/**
 * NVMe controllers as sysfs shows them: what they are, whether they live, and where their temperature is read. That
 * reading asks the controller itself and waits for its answer, so it is none of this file's (helper.ts).
 */
import { namesIn } from "./folders.ts";
import { sensorFolder } from "./hwmon.ts";
import { readText } from "./procfs.ts";

export interface NvmeController {
  /** `nvme0`. */
  name: string;
  /** `live`, `resetting`, `connecting`, `deleting`, `dead`: drivers/nvme/host/sysfs.c, nvme_sysfs_show_state. */
  state: string;
  model: string;
  firmware: string;
  /** The disks that it serves: `nvme0n1`. */
  disks: string[];
  /** A folder with `temp1_input` in it; undefined where the kernel was built without. */
  sensor: string | undefined;
}

const MAX_CONTROLLERS = 64;

export function readNvmeControllers(sys = "/sys"): NvmeController[] {
  const root = `${sys}/class/nvme`;
  return namesIn(root)
    .slice(0, MAX_CONTROLLERS)
    .flatMap((name) => {
      const state = wordIn(`${root}/${name}/state`);
      if (state === undefined) return [];
      const entries = namesIn(`${root}/${name}`);
      return {
        name,
        state,
        model: wordIn(`${root}/${name}/model`) ?? "",
        firmware: wordIn(`${root}/${name}/firmware_rev`) ?? "",
        disks: disksOf(entries),
        sensor: sensorOf(`${root}/${name}`, entries),
      };
    });
}

/** With native multipath a path to `nvme0n1` is listed as `nvme0c1n1`. */
function disksOf(entries: readonly string[]): string[] {
  return entries.flatMap((entry) => {
    const [, subsystem, namespace] = /^(nvme\d+)(?:c\d+)?(n\d+)$/.exec(entry) ?? [];
    return subsystem === undefined || namespace === undefined ? [] : `${subsystem}${namespace}`;
  });
}

/** A child of the controller since Linux 5.12, of its PCI device before. */
function sensorOf(folder: string, entries: readonly string[]): string | undefined {
  const own = entries.find((entry) => /^hwmon\d+$/.test(entry));
  return own === undefined ? sensorFolder(`${folder}/device`) : `${folder}/${own}`;
}

function wordIn(file: string): string | undefined {
  return readText(file)?.trim();
}
