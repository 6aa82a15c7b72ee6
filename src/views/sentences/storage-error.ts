/** Which sentence an error of a disk or file system gets: by its head, in either language. */
import { storageErrorHead } from "../../model/storage-errors.ts";
import type { CauseParts } from "./en.ts";
import type { storageErrors } from "./en-storage.ts";

/** Undefined where the error is another program's, with a head of its own. */
export function storageErrorText(say: typeof storageErrors, { entity, detail, who }: CauseParts): string | undefined {
  const head = storageErrorHead(detail);
  return head && say[head](entity.replace(/^fs:/, ""), who);
}
