/**
 * Runs every test file, each in a process of its own, and tells of them what a person needs: each failure, what the
 * files with failures printed, and each skipped test with its reason. Knows nothing of the other checks.
 */
import { globSync } from "node:fs";
import { join, relative } from "node:path";
import { run } from "node:test";
import type { EventData } from "node:test";
import { inspect } from "node:util";
import type { Outcome } from "./check.ts";

/** A file that hangs is ended, and fails, after this long. */
const FILE_TIMEOUT_MS = 10 * 60_000;
/** Of what one file prints, so many characters are kept. */
const OUTPUT_LIMIT = 64 * 1024;

/**
 * Many tests look at real processes, and on two cores a file beside it can make one late. A few files that failed are
 * played once more, each alone; that is told with what failed at first, and more of them are no accident.
 */
const MAX_FILES_AGAIN = 3;

export async function runTests(root: string, concurrency: number): Promise<Outcome> {
  const files = globSync("test/**/*.test.ts", { cwd: root }).map((file) => join(root, file));
  const first = await play(root, files, concurrency);
  const { passed, failed, skipped, failedFiles } = first;
  const isWorthIt = failedFiles.length > 0 && failedFiles.length <= MAX_FILES_AGAIN && !failedFiles.includes("");
  const second = isWorthIt ? await play(root, failedFiles, 1) : undefined;
  if (second === undefined || second.failed > 0) {
    const detail = `${files.length} files, ${passed} passed, ${failed} failed, ${skipped} skipped`;
    return { passed, failed, skipped, detail, report: first.report };
  }
  const detail = `${files.length} files, ${passed + failed} passed, ${skipped} skipped, ${failed} of them at the second try`;
  const report = `${first.report}\nWhat failed has passed at the second try, alone.`;
  return { passed: passed + failed, failed: 0, skipped, detail, report };
}

interface Played {
  passed: number;
  failed: number;
  skipped: number;
  failedFiles: string[];
  report: string;
}

async function play(root: string, files: readonly string[], concurrency: number): Promise<Played> {
  const failures: string[] = [];
  const skips: string[] = [];
  const failedFiles = new Set<string>();
  const printed = new Map<string, string>();
  const outcome = { passed: 0, failed: 0, skipped: 0 };
  const where = (file: string | undefined) => (file === undefined ? "" : relative(root, file));

  for await (const { type, data } of run({ cwd: root, files: [...files], concurrency, timeout: FILE_TIMEOUT_MS })) {
    if (type === "test:stdout" || type === "test:stderr") {
      const before = printed.get(data.file ?? "") ?? "";
      printed.set(data.file ?? "", (before + data.message).slice(-OUTPUT_LIMIT));
    } else if (type === "test:fail") {
      failedFiles.add(data.file ?? "");
      if (!failedBelow(data)) failures.push(`✗ ${where(data.file)}:${data.line} ${data.name}\n${reason(data)}`);
    } else if (type === "test:pass" && data.skip !== undefined) {
      const why = data.skip === true || data.skip === "" ? "no reason given" : data.skip;
      skips.push(`- skipped: ${where(data.file)}: ${data.name}: ${why}`);
    } else if (type === "test:summary" && data.file === undefined) {
      const { counts } = data;
      outcome.passed = counts.passed;
      outcome.skipped = counts.skipped + counts.todo;
      // A suite or a file that failed beside its tests is no test, and counts all the same.
      outcome.failed = counts.tests - counts.passed - counts.skipped - counts.todo || (data.success ? 0 : 1);
    }
  }
  const output = [...failedFiles].flatMap((file) => {
    const text = printed.get(file)?.trimEnd();
    return text ? [`${where(file)} printed:\n${text}`] : [];
  });
  return { ...outcome, failedFiles: [...failedFiles], report: [...skips, ...failures, ...output].join("\n") };
}

/** Its own failure is told by the test below it that failed. */
function failedBelow(data: EventData.TestFail): boolean {
  return "failureType" in data.details.error && data.details.error.failureType === "subtestsFailed";
}

function reason(data: EventData.TestFail): string {
  const text = inspect(data.details.error.cause ?? data.details.error);
  return text.replace(/^/gm, "    ");
}
