/** Numbers that a thread can have. */

/** PID_MAX_LIMIT. */
export const MAX_TID = 1 << 22;

export function isTid(number: number): boolean {
  return number > 0 && number <= MAX_TID;
}
