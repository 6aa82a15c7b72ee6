/**
 * The library opened, its GPUs, and the events that it hands out, until the process ends: NVML is never shut down, for
 * that may hang as well. It must not know who asks.
 */
import {
  Nvml,
  NVML_ERROR_GPU_IS_LOST,
  NVML_ERROR_RESET_REQUIRED,
  nvmlReason,
  NVML_SUCCESS,
  type NvmlFunction,
} from "./nvml.ts";
import { NvmlDevice } from "./nvml-device.ts";
import type { GpuReading, NvmlReading, XidReading } from "./nvml-reading.ts";
import { EVENT_BYTES, eventOf, textOf } from "./nvml-records.ts";

/** More than any machine has: a count is checked before memory is asked for. */
const MAX_GPUS = 64;
/** What costs much or changes seldom is read with every so many readings. */
const THOROUGH_EVERY = 10;
/** nvmlEventTypeXidCriticalError. Not the clocks' events: they come hundreds a second. */
const XID_EVENTS = 8n;
/** Handed out with one reading at most. */
const MAX_EVENTS = 64;
const DRIVER_TEXT_BYTES = 96;

export class NvmlSession {
  readonly #nvml: Nvml;
  /** Undefined where not even a handle can be had. */
  readonly #devices: (NvmlDevice | GpuReading["state"])[];
  readonly #driver: string | undefined;
  readonly #eventSet: bigint | undefined;
  #readings = 0;

  /** Throws where there is no library, or it does not start. `onCall` hears of each call before it is made. */
  static async open(onCall: (name: NvmlFunction) => void): Promise<NvmlSession> {
    const nvml = await Nvml.load(onCall);
    const code = nvml.call("nvmlInit_v2");
    if (code !== NVML_SUCCESS) throw new Error(`nvmlInit_v2: ${nvmlReason(code)}`);
    return new NvmlSession(nvml);
  }

  private constructor(nvml: Nvml) {
    this.#nvml = nvml;
    const text = Buffer.alloc(DRIVER_TEXT_BYTES);
    const code = nvml.call("nvmlSystemGetDriverVersion", text, text.length);
    this.#driver = code === NVML_SUCCESS ? textOf(text) : undefined;
    this.#eventSet = this.#createEventSet();
    this.#devices = Array.from({ length: this.#count() }, (_, index) => this.#open(index));
  }

  /** `onGpu` hears which GPU the next calls are about. */
  read(onGpu: (index: number | undefined) => void): NvmlReading {
    const thorough = this.#readings++ % THOROUGH_EVERY === 0;
    const gpus = this.#devices.map((known, index): GpuReading => {
      // One that was lost may be back after a reset.
      const device = typeof known === "string" && thorough ? this.#open(index) : known;
      this.#devices[index] = device;
      if (typeof device === "string") return { index, state: device, figures: {}, processes: [], migs: [] };
      onGpu(index);
      return device.read(thorough);
    });
    onGpu(undefined);
    const xids = this.#takeXids();
    return { ...(this.#driver === undefined ? {} : { driver: this.#driver }), gpus, xids };
  }

  #count(): number {
    const count = Buffer.alloc(4);
    const code = this.#nvml.call("nvmlDeviceGetCount_v2", count);
    if (code !== NVML_SUCCESS) throw new Error(`nvmlDeviceGetCount_v2: ${nvmlReason(code)}`);
    return Math.min(count.readUInt32LE(), MAX_GPUS);
  }

  #open(index: number): NvmlDevice | GpuReading["state"] {
    const pointer = Buffer.alloc(8);
    const refusal = this.#nvml.call("nvmlDeviceGetHandleByIndex_v2", index, pointer);
    if (refusal === NVML_SUCCESS) {
      const device = new NvmlDevice(this.#nvml, index, pointer.readBigUInt64LE());
      this.#register(device);
      return device;
    }
    // No right to it (a device file's mode, a cgroup) is no fault.
    return refusal === NVML_ERROR_GPU_IS_LOST ? "lost" : refusal === NVML_ERROR_RESET_REQUIRED ? "reset" : "ok";
  }

  #createEventSet(): bigint | undefined {
    const pointer = Buffer.alloc(8);
    return this.#nvml.call("nvmlEventSetCreate", pointer) === NVML_SUCCESS ? pointer.readBigUInt64LE() : undefined;
  }

  #register({ handle }: NvmlDevice): void {
    if (this.#eventSet === undefined) return;
    const supported = Buffer.alloc(8);
    if (this.#nvml.call("nvmlDeviceGetSupportedEventTypes", handle, supported) !== NVML_SUCCESS) return;
    if ((supported.readBigUInt64LE() & XID_EVENTS) === 0n) return;
    this.#nvml.call("nvmlDeviceRegisterEvents", handle, XID_EVENTS, this.#eventSet);
  }

  #takeXids(): XidReading[] {
    const xids: XidReading[] = [];
    if (this.#eventSet === undefined) return xids;
    const wait = this.#nvml.has("nvmlEventSetWait_v2") ? "nvmlEventSetWait_v2" : "nvmlEventSetWait";
    for (let taken = 0; taken < MAX_EVENTS; taken++) {
      // The first version writes no instances.
      const record = Buffer.alloc(EVENT_BYTES, 0xff);
      if (this.#nvml.call(wait, this.#eventSet, record, 0) !== NVML_SUCCESS) break;
      const { device, type, data, ...instances } = eventOf(record);
      const index = this.#devices.findIndex((known) => typeof known !== "string" && known.handle === device);
      if (type === XID_EVENTS && index >= 0) xids.push({ index, code: Number(data), ...instances });
    }
    return xids;
  }
}
