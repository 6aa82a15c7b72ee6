/**
 * Long synchronous work in slices, so that the daemon answers in between. The event loop is one, so the slice is one
 * for all who work in it: what follows upon another's work without a turn of the loop has only the rest of its time.
 */

const SLICE_MS = 5;

let sliceEndMs = 0;

/** True once the slice is used up: then `await letOthersIn()`. Split in two because an await costs even when idle. */
export function isSliceOver(): boolean {
  return performance.now() >= sliceEndMs;
}

export async function letOthersIn(): Promise<void> {
  await new Promise(setImmediate);
  sliceEndMs = performance.now() + SLICE_MS;
}
