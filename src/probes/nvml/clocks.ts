/** What holds down a GPU's clocks: nvmlClocksEventReasons of nvml.h. */

const REASONS = {
  gpu_idle: 0x1,
  applications_setting: 0x2,
  sw_power_cap: 0x4,
  hw_slowdown: 0x8,
  sync_boost: 0x10,
  sw_thermal_slowdown: 0x20,
  hw_thermal_slowdown: 0x40,
  hw_power_brake: 0x80,
  display_setting: 0x100,
} as const;
type ClocksReason = keyof typeof REASONS;

/** Heat, and power that is lacking. That the power limit is reached is what a busy GPU is meant to do. */
const FAULTY: ReadonlySet<ClocksReason> = new Set([
  "hw_slowdown",
  "sw_thermal_slowdown",
  "hw_thermal_slowdown",
  "hw_power_brake",
]);

export function clocksReasonNames(mask: number): ClocksReason[] {
  return (Object.keys(REASONS) as ClocksReason[]).filter((name) => (mask & REASONS[name]) !== 0);
}

/** Those of the reasons that are a fault. */
export function throttleReasons(mask: number): ClocksReason[] {
  return clocksReasonNames(mask).filter((name) => FAULTY.has(name));
}
