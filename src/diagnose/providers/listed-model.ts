/** The model of a local server where none was named: such a server often has just one, and lists it first. */
import type { Choice } from "./choose.ts";
import { guardedFetch } from "./guarded-fetch.ts";

/** For a server that lists none: llama.cpp, for one, serves what it has loaded under any name. */
const ANY_NAME = "default";
const MAX_ID_LENGTH = 256;

/** Throws where the server cannot be reached. */
export async function listedModel({ baseUrl, key }: Choice, signal: AbortSignal): Promise<string> {
  const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const response = await guardedFetch(`${baseUrl}/models`, { headers, signal });
  const list: unknown = response.ok ? await response.json().catch(() => undefined) : await response.body?.cancel();
  const id = (list as { data?: { id?: unknown }[] } | undefined)?.data?.[0]?.id;
  return typeof id === "string" && id !== "" && id.length <= MAX_ID_LENGTH ? id : ANY_NAME;
}
