/** A folder of rule files that is gone after the test. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

export function folderOf(t: TestContext, files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "xctl-rules-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o644 });
  return folder;
}

export interface Parts {
  id?: string;
  when?: string;
  explanation?: string;
  steps?: string;
  more?: string;
}

/** The text of a file with one rule. */
export function ruleText({ id = "mine", when, explanation = "It is so.", steps = "[]", more = "" }: Parts): string {
  return `schema: xctl.rules/1
rules:
  - id: ${id}
    title: { en: Mine, zh: 我的 }
    when: ${when ?? "{ cause: process.stopped }"}
    explanation: "${explanation}"
    confidence: 0.9
    steps: ${steps}
    ${more}
`;
}
