/** The names in a folder of proc or sysfs: reading them asks no driver. */
import { readdirSync } from "node:fs";

/** Empty where there is no such folder, or it may not be read. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
