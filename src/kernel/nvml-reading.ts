/**
 * What one look at all GPUs says, as it goes from the helper process to the daemon: plain JSON. A fact that the driver or
 * the library does not tell is absent.
 */

/** Figures of a GPU by the names under which they are told; totals count since the driver was loaded. */
export type GpuFigure =
  | "memory_busy_percent"
  | "temperature_c"
  | "power_w"
  | "power_limit_w"
  | "energy_joules_total"
  | "sm_clock_mhz"
  | "sm_clock_max_mhz"
  | "memory_clock_mhz"
  | "memory_clock_max_mhz"
  | "ecc_corrected_total"
  | "ecc_uncorrected_total"
  | "retired_pages"
  | "remapped_rows"
  | "pcie_width"
  | "pcie_width_max"
  | "pcie_generation"
  | "pcie_generation_max"
  | "pcie_replay_total"
  | "nvlink_replay_total"
  | "nvlink_recovery_total"
  | "nvlink_crc_total";

export interface MemoryReading {
  usedBytes: number;
  totalBytes: number;
}

export interface GpuProcess {
  pid: number;
  usedBytes?: number;
  /** Percent of the GPU's multiprocessors, in the last sample of it. */
  smPercent?: number;
  gpuInstance?: number;
  computeInstance?: number;
}

export interface MigReading {
  /** NVML's index of it within its GPU. */
  index: number;
  uuid?: string;
  name?: string;
  gpuInstance?: number;
  computeInstance?: number;
  memory?: MemoryReading;
}

export interface GpuReading {
  /** NVML's, by which `nvidia-smi -i` takes it. */
  index: number;
  /** `lost`: gone from the bus; `reset`: it does nothing until it is reset. */
  state: "ok" | "lost" | "reset";
  uuid?: string;
  name?: string;
  /** `0000:00:06.0` */
  pci?: string;
  minor?: number;
  utilPercent?: number;
  memory?: MemoryReading;
  figures: Partial<Record<GpuFigure, number>>;
  /** nvmlClocksEventReasons, a mask. */
  clocksReasons?: number;
  /** A reset is needed before what failed is out of use; and a row that could not be replaced. */
  remapPending?: boolean;
  remapFailed?: boolean;
  retirementPending?: boolean;
  /** By link: active or not; null where that is not told. */
  links?: (boolean | null)[];
  processes: GpuProcess[];
  migs: MigReading[];
}

export interface XidReading {
  index: number;
  code: number;
  gpuInstance?: number;
  computeInstance?: number;
}

export interface NvmlReading {
  driver?: string;
  gpus: GpuReading[];
  /** Told by the driver since the reading before. */
  xids: XidReading[];
}
