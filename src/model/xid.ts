/**
 * What NVIDIA's catalogue says of the errors that its driver reports (XIDs), and the same of what the probe finds by
 * itself: what it means, whose fault it likely is, whom it hits, what to do. After
 * https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html; the sentences stand in views/.
 */

/** `host`: the machine around the GPU: its power, its slot, its cables. */
export type GpuBlame = "application" | "driver" | "hardware" | "host" | "unknown";

/**
 * `process`: the one process whose channel it was; `gpu`: everything on the GPU; `nobody`: the GPU goes on as before.
 */
type GpuReach = "process" | "gpu" | "nobody";

export const GPU_ACTIONS = [
  "none",
  "restart_app",
  "fix_app",
  "reset_gpu",
  "restart_machine",
  "restart_vm",
  "check_power",
  "check_cooling",
  "check_slot",
  "check_nvlink",
  "update_software",
  "plan_replacement",
  "contact_support",
  "see_other_error",
] as const;
export type GpuAction = (typeof GPU_ACTIONS)[number];

export interface GpuErrorEntry {
  meaning: GpuMeaning;
  blame: GpuBlame;
  reach: GpuReach;
  action: GpuAction;
}

type Row = readonly [number | readonly number[], GpuMeaning, GpuBlame, GpuReach, GpuAction];

/** Their words with blanks are what a probe's event says; the sentences in the reader's language are by them too. */
export const GPU_MEANINGS = [
  "graphics_engine_exception",
  "memory_page_fault",
  "corrupted_commands",
  "firmware_error",
  "copy_engine_exception",
  "channel_reset",
  "context_switch_fault",
  "cleanup_after_error",
  "gpu_stopped_processing",
  "double_bit_ecc_error",
  "no_auxiliary_power",
  "display_error",
  "memory_link_training_failed",
  "memory_interface_error",
  "video_engine_exception",
  "power_controller_halted",
  "row_remap_recorded",
  "row_remap_failed",
  "illegal_access_by_driver",
  "engine_class_error",
  "nvlink_error",
  "vgpu_start_error",
  "fallen_off_the_bus",
  "corrupted_data_sent_to_gpu",
  "many_single_bit_errors",
  "inforom_worn",
  "contained_memory_error",
  "uncontained_memory_error",
  "context_switch_timeout",
  "security_fault",
  "gsp_timeout",
  "gsp_error",
  "chip_link_error",
  "flash_access_failed",
  "inforom_error",
  "nvlink_training_failed",
  "nvlink_privilege_error",
  "unrecovered_ecc_error",
  "cuda_fast_path_error",
  "gpu_initialization_failed",
  "key_rotation_error",
  "recovery_action_changed",
  "resource_retired",
  "resource_retirement_failed",
  "fatal_timeout",
  "channel_retired",
  "power_smoothing_changed",
  "reduced_memory",
  "security_controller_halted",
  "lost_from_the_bus",
  "reset_required",
  "driver_does_not_answer",
  "uncorrected_memory_errors",
  "row_remap_pending",
  "page_retirement_pending",
  "slow_pcie_link",
  "nvlink_down",
  "clocks_held_down",
  "work_hung",
  "being_reset",
  "was_reset",
  "reset_failed",
  "given_up_by_driver",
] as const;
export type GpuMeaning = (typeof GPU_MEANINGS)[number];

const XID_ROWS: readonly Row[] = [
  [13, "graphics_engine_exception", "application", "process", "fix_app"],
  [31, "memory_page_fault", "application", "process", "fix_app"],
  [[11, 25, 32], "corrupted_commands", "unknown", "process", "restart_app"],
  [[37, 38], "firmware_error", "driver", "nobody", "contact_support"],
  [[39, 40, 41, 70, 71, 72, 75, 76, 77, 85], "copy_engine_exception", "unknown", "process", "restart_app"],
  [range(126, 135), "copy_engine_exception", "unknown", "process", "restart_app"],
  [43, "channel_reset", "application", "process", "fix_app"],
  [44, "context_switch_fault", "driver", "process", "contact_support"],
  [45, "cleanup_after_error", "unknown", "nobody", "see_other_error"],
  [8, "gpu_stopped_processing", "unknown", "process", "restart_app"],
  [46, "gpu_stopped_processing", "driver", "gpu", "reset_gpu"],
  [[48, 171, 172], "double_bit_ecc_error", "hardware", "gpu", "reset_gpu"],
  [54, "no_auxiliary_power", "host", "gpu", "check_power"],
  [56, "display_error", "driver", "nobody", "contact_support"],
  [57, "memory_link_training_failed", "hardware", "gpu", "contact_support"],
  [58, "memory_interface_error", "hardware", "gpu", "contact_support"],
  [[60, 68, 73, 82, 83, 84, 86, 88, 89, 139, 142], "video_engine_exception", "application", "process", "restart_app"],
  [range(96, 105), "video_engine_exception", "application", "process", "restart_app"],
  [[59, 61, 62], "power_controller_halted", "driver", "gpu", "reset_gpu"],
  [63, "row_remap_recorded", "hardware", "nobody", "none"],
  [64, "row_remap_failed", "hardware", "gpu", "reset_gpu"],
  [[66, 67], "illegal_access_by_driver", "driver", "nobody", "contact_support"],
  [69, "engine_class_error", "application", "process", "fix_app"],
  [74, "nvlink_error", "hardware", "gpu", "check_nvlink"],
  [78, "vgpu_start_error", "driver", "nobody", "update_software"],
  [79, "fallen_off_the_bus", "hardware", "gpu", "restart_machine"],
  [80, "corrupted_data_sent_to_gpu", "unknown", "process", "restart_app"],
  [92, "many_single_bit_errors", "hardware", "nobody", "plan_replacement"],
  [93, "inforom_worn", "hardware", "nobody", "contact_support"],
  [94, "contained_memory_error", "hardware", "process", "restart_app"],
  [95, "uncontained_memory_error", "hardware", "gpu", "reset_gpu"],
  [109, "context_switch_timeout", "driver", "gpu", "reset_gpu"],
  [110, "security_fault", "driver", "gpu", "reset_gpu"],
  [119, "gsp_timeout", "driver", "gpu", "reset_gpu"],
  [120, "gsp_error", "driver", "gpu", "reset_gpu"],
  [121, "chip_link_error", "hardware", "nobody", "plan_replacement"],
  [[122, 123, 124], "flash_access_failed", "hardware", "nobody", "contact_support"],
  [125, "inforom_error", "hardware", "nobody", "contact_support"],
  [136, "nvlink_training_failed", "hardware", "gpu", "check_nvlink"],
  [[108, 137], "nvlink_privilege_error", "application", "process", "see_other_error"],
  [140, "unrecovered_ecc_error", "hardware", "gpu", "reset_gpu"],
  [141, "cuda_fast_path_error", "driver", "nobody", "contact_support"],
  [143, "gpu_initialization_failed", "hardware", "gpu", "reset_gpu"],
  [range(144, 150), "nvlink_error", "hardware", "gpu", "check_nvlink"],
  [151, "key_rotation_error", "driver", "gpu", "restart_vm"],
  [154, "recovery_action_changed", "unknown", "nobody", "see_other_error"],
  [155, "nvlink_error", "driver", "gpu", "reset_gpu"],
  [156, "resource_retired", "hardware", "nobody", "reset_gpu"],
  [157, "resource_retirement_failed", "hardware", "nobody", "contact_support"],
  [[158, 167], "fatal_timeout", "hardware", "gpu", "reset_gpu"],
  [[160, 161], "channel_retired", "hardware", "nobody", "contact_support"],
  [range(162, 165), "power_smoothing_changed", "hardware", "nobody", "contact_support"],
  [168, "reduced_memory", "hardware", "nobody", "plan_replacement"],
  [169, "security_controller_halted", "driver", "gpu", "reset_gpu"],
];

const XIDS: ReadonlyMap<number, GpuErrorEntry> = new Map(
  XID_ROWS.flatMap(([codes, meaning, blame, reach, action]) =>
    [codes].flat().map((code) => [code as number, { meaning, blame, reach, action }] as const),
  ),
);

/** What the probe finds without an XID, by the head of the event's value. */
const CONDITIONS = {
  GPU_LOST: { meaning: "lost_from_the_bus", blame: "hardware", reach: "gpu", action: "restart_machine" },
  RESET_REQUIRED: { meaning: "reset_required", blame: "unknown", reach: "gpu", action: "reset_gpu" },
  // Work that is on the GPU already may well go on: only who waits for the driver is held up.
  DRIVER_HANG: { meaning: "driver_does_not_answer", blame: "driver", reach: "nobody", action: "restart_machine" },
  ECC_UNCORRECTED: {
    meaning: "uncorrected_memory_errors",
    blame: "hardware",
    reach: "nobody",
    action: "plan_replacement",
  },
  ROW_REMAP_PENDING: { meaning: "row_remap_pending", blame: "hardware", reach: "nobody", action: "reset_gpu" },
  ROW_REMAP_FAILED: { meaning: "row_remap_failed", blame: "hardware", reach: "nobody", action: "plan_replacement" },
  PAGE_RETIREMENT_PENDING: {
    meaning: "page_retirement_pending",
    blame: "hardware",
    reach: "nobody",
    action: "reset_gpu",
  },
  PCIE_DEGRADED: { meaning: "slow_pcie_link", blame: "host", reach: "nobody", action: "check_slot" },
  NVLINK_DOWN: { meaning: "nvlink_down", blame: "hardware", reach: "nobody", action: "check_nvlink" },
  GPU_HANG: { meaning: "work_hung", blame: "application", reach: "process", action: "restart_app" },
  PAGE_FAULT: { meaning: "memory_page_fault", blame: "application", reach: "process", action: "fix_app" },
  GPU_RESET: { meaning: "being_reset", blame: "unknown", reach: "gpu", action: "none" },
  WAS_RESET: { meaning: "was_reset", blame: "unknown", reach: "nobody", action: "restart_app" },
  RESET_FAILED: { meaning: "reset_failed", blame: "unknown", reach: "gpu", action: "restart_machine" },
  WEDGED: { meaning: "given_up_by_driver", blame: "unknown", reach: "gpu", action: "restart_machine" },
  THROTTLED: { meaning: "clocks_held_down", blame: "host", reach: "nobody", action: "check_cooling" },
} as const satisfies Record<string, GpuErrorEntry>;
export type GpuCondition = keyof typeof CONDITIONS;
export const GPU_CONDITIONS = Object.keys(CONDITIONS) as GpuCondition[];

export function gpuCondition(head: GpuCondition): GpuErrorEntry {
  return CONDITIONS[head];
}

/** Undefined for a code that the catalogue does not have, or of which it says nothing. */
export function xidEntry(code: number): GpuErrorEntry | undefined {
  return XIDS.get(code);
}

/** `XID_31` or `XID_31:more` → 31. */
export function xidOf(value: string): number | undefined {
  const code = /^XID_(\d{1,4})(?::|$)/.exec(value)?.[1];
  return code === undefined ? undefined : Number(code);
}

/** By an error's value, as it is told of a GPU: `XID_79`, `PCIE_DEGRADED:8 of 16 lanes`. */
export function gpuErrorEntry(value: string): GpuErrorEntry | undefined {
  const code = xidOf(value);
  if (code !== undefined) return xidEntry(code);
  const head = value.split(":", 1)[0] as string;
  return Object.hasOwn(CONDITIONS, head) ? CONDITIONS[head as GpuCondition] : undefined;
}

/** A meaning's words: `memory page fault`. */
export function meaningWords(meaning: GpuMeaning): string {
  return meaning.replaceAll("_", " ");
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, place) => first + place);
}
