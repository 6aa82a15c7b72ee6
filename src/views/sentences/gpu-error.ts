/** A GPU's error as a sentence, by the value that it was told with: `XID_31:…`, `GPU_LOST`. */
import { gpuErrorEntry, xidOf } from "../../model/xid.ts";
import type { GpuSentences } from "./en-gpu.ts";

/** Undefined for what no catalogue knows. */
export function gpuErrorText(say: GpuSentences, entity: string, value: string): string | undefined {
  const entry = gpuErrorEntry(value);
  const code = xidOf(value);
  const colon = value.indexOf(":");
  const more = colon < 0 ? null : value.slice(colon + 1);
  const meaning = entry === undefined ? null : say.meanings[entry.meaning];
  if (code !== undefined) {
    return say.xid(entity, code, meaning, entry === undefined ? null : say.blames[entry.blame], more);
  }
  return meaning === null ? undefined : say.condition(entity, meaning, more);
}

export function gpuActionText(say: GpuSentences, value: string): string | undefined {
  const entry = gpuErrorEntry(value);
  return entry === undefined ? undefined : say.actions[entry.action];
}
