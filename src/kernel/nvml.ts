/**
 * NVIDIA's management library, through koffi. Each function is looked up by itself, so that a library which lacks one
 * only tells less. Any call may hang in the driver for ever: this belongs into a helper process, never into the daemon.
 * It must not know what the answers are for.
 */

/** nvmlReturn_t of nvml.h, as far as they are told apart here. */
export const NVML_SUCCESS = 0;
export const NVML_ERROR_INSUFFICIENT_SIZE = 7;
export const NVML_ERROR_FUNCTION_NOT_FOUND = 13;
export const NVML_ERROR_GPU_IS_LOST = 15;
export const NVML_ERROR_RESET_REQUIRED = 16;

/** What nvml.h says of the codes that nvmlInit is known to end with. */
const REASONS: ReadonlyMap<number, string> = new Map([
  [2, "invalid argument"],
  [4, "no permission"],
  [9, "the driver is not loaded"],
  [10, "timeout"],
  [12, "the library and the driver are of different versions"],
  [NVML_ERROR_FUNCTION_NOT_FOUND, "the library lacks it"],
  [NVML_ERROR_GPU_IS_LOST, "the GPU is lost from the bus"],
  [NVML_ERROR_RESET_REQUIRED, "the GPU needs a reset"],
  [18, "the library and the driver are of different versions"],
  [999, "unknown error"],
]);

export function nvmlReason(code: number): string {
  return REASONS.get(code) ?? `error ${code}`;
}

/** Device and set handles are pointers; what is answered is written into a Buffer. */
const HANDLE = "uintptr_t";
const OUT = "void *";
const NUMBER = "unsigned int";

/** Every function that is called, with the types of its arguments; all return nvmlReturn_t. */
const FUNCTIONS = {
  nvmlInit_v2: [],
  nvmlSystemGetDriverVersion: [OUT, NUMBER],
  nvmlDeviceGetCount_v2: [OUT],
  nvmlDeviceGetHandleByIndex_v2: [NUMBER, OUT],
  nvmlDeviceGetName: [HANDLE, OUT, NUMBER],
  nvmlDeviceGetUUID: [HANDLE, OUT, NUMBER],
  nvmlDeviceGetPciInfo_v3: [HANDLE, OUT],
  nvmlDeviceGetMinorNumber: [HANDLE, OUT],
  nvmlDeviceGetUtilizationRates: [HANDLE, OUT],
  nvmlDeviceGetMemoryInfo_v2: [HANDLE, OUT],
  nvmlDeviceGetMemoryInfo: [HANDLE, OUT],
  nvmlDeviceGetTemperature: [HANDLE, NUMBER, OUT],
  nvmlDeviceGetPowerUsage: [HANDLE, OUT],
  nvmlDeviceGetEnforcedPowerLimit: [HANDLE, OUT],
  nvmlDeviceGetTotalEnergyConsumption: [HANDLE, OUT],
  nvmlDeviceGetClockInfo: [HANDLE, NUMBER, OUT],
  nvmlDeviceGetMaxClockInfo: [HANDLE, NUMBER, OUT],
  nvmlDeviceGetCurrentClocksEventReasons: [HANDLE, OUT],
  nvmlDeviceGetCurrentClocksThrottleReasons: [HANDLE, OUT],
  nvmlDeviceGetTotalEccErrors: [HANDLE, NUMBER, NUMBER, OUT],
  nvmlDeviceGetRetiredPages: [HANDLE, NUMBER, OUT, OUT],
  nvmlDeviceGetRetiredPagesPendingStatus: [HANDLE, OUT],
  nvmlDeviceGetRemappedRows: [HANDLE, OUT, OUT, OUT, OUT],
  nvmlDeviceGetCurrPcieLinkWidth: [HANDLE, OUT],
  nvmlDeviceGetMaxPcieLinkWidth: [HANDLE, OUT],
  nvmlDeviceGetCurrPcieLinkGeneration: [HANDLE, OUT],
  nvmlDeviceGetMaxPcieLinkGeneration: [HANDLE, OUT],
  nvmlDeviceGetPcieReplayCounter: [HANDLE, OUT],
  nvmlDeviceGetNvLinkState: [HANDLE, NUMBER, OUT],
  nvmlDeviceGetNvLinkErrorCounter: [HANDLE, NUMBER, NUMBER, OUT],
  nvmlDeviceGetMigMode: [HANDLE, OUT, OUT],
  nvmlDeviceGetMaxMigDeviceCount: [HANDLE, OUT],
  nvmlDeviceGetMigDeviceHandleByIndex: [HANDLE, NUMBER, OUT],
  nvmlDeviceGetGpuInstanceId: [HANDLE, OUT],
  nvmlDeviceGetComputeInstanceId: [HANDLE, OUT],
  nvmlDeviceGetComputeRunningProcesses_v3: [HANDLE, OUT, OUT],
  nvmlDeviceGetComputeRunningProcesses_v2: [HANDLE, OUT, OUT],
  nvmlDeviceGetComputeRunningProcesses: [HANDLE, OUT, OUT],
  nvmlDeviceGetGraphicsRunningProcesses_v3: [HANDLE, OUT, OUT],
  nvmlDeviceGetGraphicsRunningProcesses_v2: [HANDLE, OUT, OUT],
  nvmlDeviceGetGraphicsRunningProcesses: [HANDLE, OUT, OUT],
  nvmlDeviceGetMPSComputeRunningProcesses_v3: [HANDLE, OUT, OUT],
  nvmlDeviceGetMPSComputeRunningProcesses_v2: [HANDLE, OUT, OUT],
  nvmlDeviceGetMPSComputeRunningProcesses: [HANDLE, OUT, OUT],
  nvmlDeviceGetProcessUtilization: [HANDLE, OUT, OUT, "unsigned long long"],
  nvmlEventSetCreate: [OUT],
  nvmlDeviceGetSupportedEventTypes: [HANDLE, OUT],
  nvmlDeviceRegisterEvents: [HANDLE, "unsigned long long", HANDLE],
  nvmlEventSetWait_v2: [HANDLE, OUT, NUMBER],
  nvmlEventSetWait: [HANDLE, OUT, NUMBER],
} as const satisfies Record<string, readonly string[]>;
export type NvmlFunction = keyof typeof FUNCTIONS;

/** As the dynamic loader knows it: LD_LIBRARY_PATH, /etc/ld.so.cache and its own folders; ld.so(8). */
export const NVML_LIBRARY = "libnvidia-ml.so.1";

type Argument = number | bigint | Buffer | null;
type Native = (...args: Argument[]) => number;

export class Nvml {
  readonly #functions: ReadonlyMap<string, Native>;
  readonly #onCall: (name: NvmlFunction) => void;

  /** Throws the dynamic loader's words where there is no such library. `onCall` hears of each call before it is made. */
  static async load(onCall: (name: NvmlFunction) => void): Promise<Nvml> {
    const { default: koffi } = await import("koffi");
    const library = koffi.load(NVML_LIBRARY);
    const functions = new Map<string, Native>();
    for (const [name, types] of Object.entries(FUNCTIONS)) {
      try {
        functions.set(name, library.func(name, "int", [...types]));
      } catch {
        // An older library: what the function would tell is not known.
      }
    }
    return new Nvml(functions, onCall);
  }

  private constructor(functions: ReadonlyMap<string, Native>, onCall: (name: NvmlFunction) => void) {
    this.#functions = functions;
    this.#onCall = onCall;
  }

  has(name: NvmlFunction): boolean {
    return this.#functions.has(name);
  }

  /** The call's return code. */
  call(name: NvmlFunction, ...args: Argument[]): number {
    const native = this.#functions.get(name);
    if (native === undefined) return NVML_ERROR_FUNCTION_NOT_FOUND;
    this.#onCall(name);
    return native(...args);
  }
}
