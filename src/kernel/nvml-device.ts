/**
 * One GPU as NVML tells of it. What does not change is read once, what changes seldom or costs much now and then. A
 * function that the GPU does not support is left alone until the next thorough look.
 */
import {
  NVML_ERROR_FUNCTION_NOT_FOUND,
  NVML_ERROR_GPU_IS_LOST,
  NVML_ERROR_INSUFFICIENT_SIZE,
  NVML_ERROR_RESET_REQUIRED,
  NVML_SUCCESS,
  type Nvml,
  type NvmlFunction,
} from "./nvml.ts";
import type { GpuFigure, GpuProcess, GpuReading, MemoryReading, MigReading } from "./nvml-reading.ts";
import {
  MEMORY_V1_BYTES,
  MEMORY_V2_BYTES,
  MEMORY_V2_VERSION,
  memoryOf,
  PCI_INFO_BYTES,
  pciOf,
  PROCESS_BYTES,
  processesOf,
  SAMPLE_BYTES,
  samplesOf,
  textOf,
  UNWRITTEN,
} from "./nvml-records.ts";

const TEXT_BYTES = 96;
const FIRST_ROOM = 64;
/** Of processes, or of samples, of one GPU. */
const MAX_RECORDS = 4096;
/** NVML_NVLINK_MAX_LINKS */
const MAX_LINKS = 18;
const MAX_MIGS = 8;

/** nvmlTemperatureSensors_t, nvmlClockType_t, nvmlMemoryErrorType_t, nvmlEccCounterType_t */
const TEMPERATURE_GPU = 0;
const CLOCK_SM = 1;
const CLOCK_MEM = 2;
const ERRORS_CORRECTED = 0;
const ERRORS_UNCORRECTED = 1;
const SINCE_DRIVER_LOAD = 0;
/** nvmlPageRetirementCause_t: many single-bit errors, a double-bit error. */
const RETIREMENT_CAUSES = [0, 1] as const;
/** nvmlNvLinkErrorCounter_t */
const LINK_COUNTERS = { nvlink_replay_total: [0], nvlink_recovery_total: [1], nvlink_crc_total: [2, 3] } as const;

type Words = Omit<GpuReading, "index" | "state" | "figures" | "processes" | "migs">;

export class NvmlDevice {
  readonly index: number;
  readonly handle: bigint;
  readonly #nvml: Nvml;
  readonly #unsupported = new Set<string>();
  #identity: Pick<GpuReading, "uuid" | "name" | "pci" | "minor"> = {};
  /** The last thorough look's. */
  #seldom: { figures: GpuReading["figures"]; words: Words } = { figures: {}, words: {} };
  #state: GpuReading["state"] = "ok";
  /** Of the last sample of a process that was seen. */
  #sampledUs = 0n;

  constructor(nvml: Nvml, index: number, handle: bigint) {
    this.#nvml = nvml;
    this.index = index;
    this.handle = handle;
  }

  read(thorough: boolean): GpuReading {
    this.#state = "ok";
    if (thorough) this.#unsupported.clear();
    if (this.#identity.uuid === undefined) this.#identity = this.#readIdentity();
    const busy = this.#numbers("nvmlDeviceGetUtilizationRates", [], 2);
    const figures = { ...this.#readOften(), ...defined({ memory_busy_percent: busy?.[1] }) };
    if (thorough) this.#seldom = this.#readSeldom();
    const words = defined<Words>({
      utilPercent: busy?.[0],
      memory: this.#memory(this.handle),
      clocksReasons: this.#clocksReasons(),
      links: this.#links(),
    });
    const reading = {
      index: this.index,
      ...this.#identity,
      ...this.#seldom.words,
      ...words,
      figures: { ...this.#seldom.figures, ...figures },
      processes: this.#processes(),
      migs: this.#migs(),
    };
    return { ...reading, state: this.#state };
  }

  #readIdentity(): Pick<GpuReading, "uuid" | "name" | "pci" | "minor"> {
    const record = Buffer.alloc(PCI_INFO_BYTES);
    return defined({
      uuid: this.#text("nvmlDeviceGetUUID", this.handle),
      name: this.#text("nvmlDeviceGetName", this.handle),
      pci: this.#ask("nvmlDeviceGetPciInfo_v3", this.handle, record) ? pciOf(record) : undefined,
      minor: this.#number("nvmlDeviceGetMinorNumber"),
    });
  }

  #readOften(): Partial<Record<GpuFigure, number>> {
    return defined({
      temperature_c: this.#number("nvmlDeviceGetTemperature", TEMPERATURE_GPU),
      power_w: thousandth(this.#number("nvmlDeviceGetPowerUsage")),
      energy_joules_total: thousandth(this.#long("nvmlDeviceGetTotalEnergyConsumption")),
      sm_clock_mhz: this.#number("nvmlDeviceGetClockInfo", CLOCK_SM),
      memory_clock_mhz: this.#number("nvmlDeviceGetClockInfo", CLOCK_MEM),
      pcie_width: this.#number("nvmlDeviceGetCurrPcieLinkWidth"),
      pcie_generation: this.#number("nvmlDeviceGetCurrPcieLinkGeneration"),
      ecc_corrected_total: this.#long("nvmlDeviceGetTotalEccErrors", ERRORS_CORRECTED, SINCE_DRIVER_LOAD),
      ecc_uncorrected_total: this.#long("nvmlDeviceGetTotalEccErrors", ERRORS_UNCORRECTED, SINCE_DRIVER_LOAD),
    });
  }

  #readSeldom(): { figures: Partial<Record<GpuFigure, number>>; words: Words } {
    const remap = Array.from({ length: 4 }, () => Buffer.alloc(4));
    const rows = this.#ask("nvmlDeviceGetRemappedRows", this.handle, ...remap)
      ? remap.map((buffer) => buffer.readUInt32LE())
      : undefined;
    const [corrected = 0, uncorrected = 0, isPending, hasFailed] = rows ?? [];
    const figures = defined<Partial<Record<GpuFigure, number>>>({
      power_limit_w: thousandth(this.#number("nvmlDeviceGetEnforcedPowerLimit")),
      sm_clock_max_mhz: this.#number("nvmlDeviceGetMaxClockInfo", CLOCK_SM),
      memory_clock_max_mhz: this.#number("nvmlDeviceGetMaxClockInfo", CLOCK_MEM),
      retired_pages: this.#retiredPages(),
      remapped_rows: rows === undefined ? undefined : corrected + uncorrected,
      pcie_width_max: this.#number("nvmlDeviceGetMaxPcieLinkWidth"),
      pcie_generation_max: this.#number("nvmlDeviceGetMaxPcieLinkGeneration"),
      pcie_replay_total: this.#number("nvmlDeviceGetPcieReplayCounter"),
    });
    for (const [name, counters] of Object.entries(LINK_COUNTERS)) {
      const total = this.#linkErrors(counters);
      if (total !== undefined) figures[name as GpuFigure] = total;
    }
    return {
      figures,
      words: defined<Words>({
        remapPending: isPending === undefined ? undefined : isPending !== 0,
        remapFailed: hasFailed === undefined ? undefined : hasFailed !== 0,
        retirementPending: flag(this.#number("nvmlDeviceGetRetiredPagesPendingStatus")),
      }),
    };
  }

  #memory(handle: bigint): MemoryReading | undefined {
    const second = Buffer.alloc(MEMORY_V2_BYTES);
    second.writeUInt32LE(MEMORY_V2_VERSION);
    if (this.#ask("nvmlDeviceGetMemoryInfo_v2", handle, second)) return memoryOf(second);
    const first = Buffer.alloc(MEMORY_V1_BYTES);
    return this.#ask("nvmlDeviceGetMemoryInfo", handle, first) ? memoryOf(first) : undefined;
  }

  /** The function was renamed in 535. */
  #clocksReasons(): number | undefined {
    return (
      this.#long("nvmlDeviceGetCurrentClocksEventReasons") ?? this.#long("nvmlDeviceGetCurrentClocksThrottleReasons")
    );
  }

  #retiredPages(): number | undefined {
    const counts = RETIREMENT_CAUSES.map((cause) => {
      // Without room for the addresses it tells how many there are.
      const count = Buffer.alloc(4);
      const code = this.#call("nvmlDeviceGetRetiredPages", this.handle, cause, count, null);
      return code === NVML_SUCCESS || code === NVML_ERROR_INSUFFICIENT_SIZE ? count.readUInt32LE() : undefined;
    });
    return counts.every((count) => count !== undefined) ? counts.reduce((sum, count) => sum + count, 0) : undefined;
  }

  #links(): GpuReading["links"] {
    const links: (boolean | null)[] = [];
    for (let link = 0; link < MAX_LINKS; link++) {
      links.push(flag(this.#number("nvmlDeviceGetNvLinkState", link)) ?? null);
    }
    return links.some((link) => link !== null) ? links : undefined;
  }

  #linkErrors(counters: readonly number[]): number | undefined {
    let total: number | undefined;
    for (let link = 0; link < MAX_LINKS; link++) {
      for (const counter of counters) {
        const errors = this.#long("nvmlDeviceGetNvLinkErrorCounter", link, counter);
        if (errors !== undefined) total = (total ?? 0) + errors;
      }
    }
    return total;
  }

  /** All that have a context on it, or on one of its instances; by way of MPS too. */
  #processes(): GpuProcess[] {
    const processes = new Map<string, GpuProcess>();
    for (const family of PROCESS_FUNCTIONS) {
      for (const process of this.#processesBy(family)) {
        const key = `${process.pid} ${process.gpuInstance ?? ""} ${process.computeInstance ?? ""}`;
        const known = processes.get(key);
        // One that computes and draws is in both lists, with the same memory.
        if (known === undefined || (process.usedBytes ?? 0) > (known.usedBytes ?? 0)) processes.set(key, process);
      }
    }
    const shares = this.#shares();
    return Array.from(processes.values(), (process) => ({
      ...process,
      ...defined({ smPercent: shares.get(process.pid) }),
    }));
  }

  #processesBy(names: readonly NvmlFunction[]): GpuProcess[] {
    for (const [place, name] of names.entries()) {
      const isFirstVersion = place === names.length - 1;
      const filled = this.#list(name, PROCESS_BYTES, (buffer, count) => [this.handle, count, buffer]);
      if (filled !== undefined) return processesOf(filled.buffer, filled.count, isFirstVersion);
    }
    return [];
  }

  /** By pid, of those sampled since they were asked for last. */
  #shares(): Map<number, number> {
    const shares = new Map<number, number>();
    const since = this.#sampledUs;
    const name = "nvmlDeviceGetProcessUtilization";
    const filled = this.#list(name, SAMPLE_BYTES, (buffer, count) => [this.handle, buffer, count, since]);
    if (filled === undefined) return shares;
    const samples = samplesOf(filled.buffer, filled.count).filter(({ pid }) => pid > 0);
    for (const { pid, atUs, smPercent } of samples.sort((a, b) => Number(a.atUs - b.atUs))) {
      shares.set(pid, smPercent);
      this.#sampledUs = atUs;
    }
    return shares;
  }

  #migs(): MigReading[] {
    const [current, pending] = [Buffer.alloc(4), Buffer.alloc(4)];
    if (!this.#ask("nvmlDeviceGetMigMode", this.handle, current, pending) || current.readUInt32LE() !== 1) return [];
    const migs: MigReading[] = [];
    for (let index = 0; index < Math.min(this.#number("nvmlDeviceGetMaxMigDeviceCount") ?? 0, MAX_MIGS); index++) {
      const pointer = Buffer.alloc(8);
      // Not every place is taken.
      if (this.#call("nvmlDeviceGetMigDeviceHandleByIndex", this.handle, index, pointer) !== NVML_SUCCESS) continue;
      const handle = pointer.readBigUInt64LE();
      migs.push({
        index,
        ...defined({
          uuid: this.#text("nvmlDeviceGetUUID", handle),
          name: this.#text("nvmlDeviceGetName", handle),
          gpuInstance: this.#numberOf("nvmlDeviceGetGpuInstanceId", handle),
          computeInstance: this.#numberOf("nvmlDeviceGetComputeInstanceId", handle),
          memory: this.#memory(handle),
        }),
      });
    }
    return migs;
  }

  /** A list that is as long as the driver says, up to a bound; empty where it says that there is nothing. */
  #list(
    name: NvmlFunction,
    bytes: number,
    args: (buffer: Buffer, count: Buffer) => (bigint | Buffer)[],
  ): { buffer: Buffer; count: number } | undefined {
    const count = Buffer.alloc(4);
    for (let room = FIRST_ROOM; room <= MAX_RECORDS; room *= 4) {
      const buffer = Buffer.alloc(room * bytes, UNWRITTEN);
      count.writeUInt32LE(room);
      const code = this.#call(name, ...args(buffer, count));
      if (code === NVML_SUCCESS) return { buffer, count: Math.min(count.readUInt32LE(), room) };
      if (code !== NVML_ERROR_INSUFFICIENT_SIZE) return undefined;
    }
    return undefined;
  }

  #text(name: NvmlFunction, handle: bigint): string | undefined {
    const text = Buffer.alloc(TEXT_BYTES);
    return this.#ask(name, handle, text, TEXT_BYTES) ? textOf(text) : undefined;
  }

  #number(name: NvmlFunction, ...before: number[]): number | undefined {
    return this.#numberOf(name, this.handle, ...before);
  }

  #numberOf(name: NvmlFunction, handle: bigint, ...before: number[]): number | undefined {
    const answer = Buffer.alloc(4);
    return this.#ask(name, handle, ...before, answer) ? answer.readUInt32LE() : undefined;
  }

  #numbers(name: NvmlFunction, before: number[], count: number): number[] | undefined {
    const answer = Buffer.alloc(4 * count);
    if (!this.#ask(name, this.handle, ...before, answer)) return undefined;
    return Array.from({ length: count }, (_, place) => answer.readUInt32LE(4 * place));
  }

  #long(name: NvmlFunction, ...before: number[]): number | undefined {
    const answer = Buffer.alloc(8);
    return this.#ask(name, this.handle, ...before, answer) ? Number(answer.readBigUInt64LE()) : undefined;
  }

  /** Whether the call succeeded. One that the GPU does not support is not made again until the next thorough look. */
  #ask(name: NvmlFunction, ...args: (number | bigint | Buffer)[]): boolean {
    const key = `${name} ${args.filter((arg) => !Buffer.isBuffer(arg)).join(" ")}`;
    if (this.#unsupported.has(key)) return false;
    const code = this.#call(name, ...args);
    if (LASTING.has(code)) this.#unsupported.add(key);
    return code === NVML_SUCCESS;
  }

  #call(name: NvmlFunction, ...args: (number | bigint | Buffer | null)[]): number {
    // Each further call would take the driver's time-out once more.
    if (this.#state === "lost") return NVML_ERROR_GPU_IS_LOST;
    const code = this.#nvml.call(name, ...args);
    if (code === NVML_ERROR_GPU_IS_LOST) this.#state = "lost";
    else if (code === NVML_ERROR_RESET_REQUIRED && this.#state === "ok") this.#state = "reset";
    return code;
  }
}

/** Invalid argument, not supported, no permission, no such function: asked again, they say the same. */
const LASTING: ReadonlySet<number> = new Set([2, 3, 4, NVML_ERROR_FUNCTION_NOT_FOUND]);

/** The newest first; the last is the first version of all, whose records are shorter. */
const PROCESS_FUNCTIONS = (["Compute", "Graphics", "MPSCompute"] as const).map(
  (kind) =>
    [
      `nvmlDeviceGet${kind}RunningProcesses_v3`,
      `nvmlDeviceGet${kind}RunningProcesses_v2`,
      `nvmlDeviceGet${kind}RunningProcesses`,
    ] as const,
);

function defined<T extends object>(record: T): T {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;
}

function thousandth(value: number | undefined): number | undefined {
  return value === undefined ? undefined : value / 1000;
}

function flag(value: number | undefined): boolean | undefined {
  return value === undefined ? undefined : value !== 0;
}
