import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import fc from "fast-check";
import { gpuOfMinor, minorOfDevice, parseInformation, readNvidiaGpus } from "../../src/kernel/nvidia-proc.ts";
import { anyText } from "./support.ts";

/** Of an H100 with driver 580.159.04. */
const INFORMATION = `Model: \t\t NVIDIA H100 80GB HBM3
IRQ:   \t\t 41
GPU UUID: \t GPU-c029494e-695d-aa1c-8c3e-4ea56af5521f
Video BIOS: \t 96.00.da.00.0c
Bus Type: \t PCIe
DMA Size: \t 52 bits
DMA Mask: \t 0xfffffffffffff
Bus Location: \t 0000:00:06.0
Device Minor: \t 0
GPU Firmware: \t 580.159.04
GPU Excluded:\t No
`;

const information = (minor: number) => INFORMATION.replace("Device Minor: \t 0", `Device Minor: \t ${minor}`);

describe("NVIDIA's GPUs in proc", { skip: process.platform === "linux" ? false : "names with colons" }, () => {
  let proc: string;
  beforeEach(() => (proc = mkdtempSync(join(tmpdir(), "xctl-nvidia-"))));
  afterEach(() => rmSync(proc, { recursive: true }));

  /** `texts` by PCI address; undefined where the driver does not answer. */
  function read(texts: Record<string, string | undefined>) {
    const folder = join(proc, "driver/nvidia/gpus");
    for (const pci of Object.keys(texts)) mkdirSync(join(folder, pci), { recursive: true });
    return readNvidiaGpus(proc, (path) => Promise.resolve(texts[path.split("/").at(-2) as string]));
  }

  it("are in NVML's order, that of their PCI addresses, whatever their minors and spellings", async () => {
    const gpus = await read({
      "0001:01:00.0": information(1),
      "0000:81:00.0": information(0),
      "00000000:0A:00.0": information(2),
      "0000:b1:00.0": INFORMATION.replace("Excluded:\t No", "Excluded:\t Yes"),
      registry: undefined,
    });
    assert.deepEqual(
      gpus.map(({ index, pci, minor }) => [index, pci, minor]),
      [
        [0, "00000000:0A:00.0", 2],
        [1, "0000:81:00.0", 0],
        [2, "0001:01:00.0", 1],
      ],
    );
    assert.equal(gpuOfMinor(gpus, 2)?.index, 0);
    assert.equal(gpuOfMinor(gpus, 3), undefined);
  });

  it("the only one is meant by any device file, even while the driver does not answer; of two, neither", async () => {
    const one = await read({ "0000:00:06.0": undefined });
    assert.deepEqual(one, [{ index: 0, pci: "0000:00:06.0", minor: undefined }]);
    assert.equal(gpuOfMinor(one, 3)?.index, 0);
    const two = await read({ "0000:00:07.0": undefined });
    assert.equal(two.length, 2);
    assert.equal(gpuOfMinor(two, 0), undefined);
  });

  it("without the driver there are none", async () => {
    assert.deepEqual(await readNvidiaGpus(proc, () => Promise.resolve(INFORMATION)), []);
  });
});

describe("names and texts of NVIDIA's driver", () => {
  it("a device file tells its minor", () => {
    const paths = ["/dev/nvidia0", "/dev/nvidia12", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia0 (deleted)", "/x/dev/nvidia0"]; // prettier-ignore
    assert.deepEqual(paths.map(minorOfDevice), [0, 12, undefined, undefined, undefined, undefined]);
  });

  it("what the driver says of a GPU", () => {
    assert.deepEqual(parseInformation(INFORMATION), { minor: 0, excluded: false });
    assert.deepEqual(parseInformation(""), { minor: undefined, excluded: false });
    fc.assert(fc.property(anyText, (text) => void parseInformation(text)));
  });
});
