/** The name below /dev of a terminal's device number, as in proc_pid_stat(5): `pts/3`. Documentation/admin-guide/devices.txt. */

const SERIAL_FROM_MINOR = 64;

/** Undefined where there is none (0). */
export function terminalName(device: number): string | undefined {
  if (device === 0) return undefined;
  // The kernel's new_encode_dev: 12 bits of major between the minor's 8 lower and 12 upper ones.
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00);
  if (major === 136) return `pts/${minor}`;
  if (major === 4) return minor < SERIAL_FROM_MINOR ? `tty${minor}` : `ttyS${minor - SERIAL_FROM_MINOR}`;
  if (major === 5 && minor === 1) return "console";
  if (major === 229) return `hvc${minor}`;
  return `${major}:${minor}`;
}

/** What an fd of a terminal names, the name below /dev in the group; not the master's side. */
export const TERMINAL = /^\/dev\/(pts\/\d+|tty\w*|console|hvc\d+)(?: \(deleted\))?$/;
