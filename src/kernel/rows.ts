/**
 * A table of the kernel's that is long in the making: it is printed in a thread of the pool, and the event loop runs
 * meanwhile. It must not know what the rows are.
 */
import { open } from "node:fs/promises";

/** Whole lines, some at a time. Of a table that is too large, or cannot be read to its end, some may have been taken. */
export async function readRows(
  path: string,
  limitBytes: number,
  take: (rows: string) => void,
): Promise<"read" | "absent" | "too large"> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return "absent";
  try {
    const buffer = Buffer.allocUnsafe(64 * 1024);
    let rest = "";
    for (let bytes = 0; bytes <= limitBytes;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) {
        take(rest);
        return "read";
      }
      bytes += bytesRead;
      const text = rest + buffer.toString("latin1", 0, bytesRead);
      const end = text.lastIndexOf("\n") + 1;
      take(text.slice(0, end));
      rest = text.slice(end);
    }
    return "too large";
  } catch {
    return "absent";
  } finally {
    await file.close();
  }
}
