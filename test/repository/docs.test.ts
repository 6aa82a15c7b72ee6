/** The documents say what the code says: links lead somewhere, and every verb, option, code and type is named. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { VERBS } from "../../src/commands/index.ts";
import { EXIT_CODES } from "../../src/lib/errors.ts";
import { CAUSE_KINDS } from "../../src/model/cause.ts";
import { EVENT_TYPES, PROCESS_STATES, REJECTIONS } from "../../src/model/event.ts";
import { autoProbes } from "../../src/probes/index.ts";
import { METHODS } from "../../src/protocol/methods.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const READMES = ["README.md", "README.zh-CN.md"];
const DOCUMENTS = globSync(["*.md", "docs/**/*.md", "examples/*.md"], { cwd: ROOT }).toSorted();

test("every relative link leads to a file, and to a heading of it where one is named", () => {
  assert.ok(DOCUMENTS.length > 20);
  const links = DOCUMENTS.flatMap((document) => linksOf(document).map((link) => ({ document, link })));
  assert.ok(links.length > 50);
  assert.deepEqual(
    links
      .filter(({ document, link }) => !leadsSomewhere(document, link))
      .map(({ document, link }) => `${document}: ${link}`),
    [],
  );
});

test("every document in docs/ is linked from another one", () => {
  const targets = new Set(
    DOCUMENTS.flatMap((document) => linksOf(document).map((link) => targetOf(document, link).path)),
  );
  const listed = (path: string) => targets.has(join(ROOT, path)) || targets.has(join(ROOT, dirname(path)));
  assert.deepEqual(
    DOCUMENTS.filter((document) => document.startsWith("docs/") && !listed(document)),
    [],
  );
});

test("every verb is in both READMEs and has a section in docs/cli.md", () => {
  assert.ok(VERBS.length > 5);
  for (const { name } of VERBS) {
    for (const readme of READMES)
      assert.match(textOf(readme), new RegExp(`^\\| \`xctl ${name}\\b`, "m"), `${readme}: ${name}`);
    assert.match(textOf("docs/cli.md"), new RegExp(`^## xctl ${name}$`, "m"), name);
  }
});

test("every option stands in its verb's section of docs/cli.md, and the section names no other", () => {
  for (const { name, options } of VERBS) {
    const section = sectionOf("docs/cli.md", `xctl ${name}`);
    const own = new Set(options.map(({ flags }) => longFlag(flags)));
    for (const { flags } of options) assert.ok(section.includes(`\`${flags}\``), `${name} ${flags}`);
    const named = Array.from(section.matchAll(/^\| `(--[\w-]+)/gm), (match) => match[1] as string);
    assert.deepEqual(
      named.filter((flag) => !own.has(flag)),
      [],
      name,
    );
  }
});

test("the READMEs' table gives no option that the verb does not take", () => {
  for (const readme of READMES) {
    for (const { name, options } of VERBS) {
      const usage = new RegExp(`^\\| \`(xctl ${name}\\b.*?)\` +\\| `, "m").exec(textOf(readme))?.[1];
      assert.ok(usage !== undefined, `${readme}: ${name}`);
      const named = Array.from(usage.matchAll(/--[\w-]+/g), (match) => match[0]);
      const own = new Set(options.map(({ flags }) => longFlag(flags)));
      assert.deepEqual(
        named.filter((flag) => !own.has(flag)),
        [],
        `${readme}: ${name}`,
      );
    }
  }
});

test("docs/errors.md has a row for every error code, with its exit status, and for every reason of refusal", () => {
  const text = textOf("docs/errors.md");
  for (const [code, status] of Object.entries(EXIT_CODES)) {
    assert.match(text, row(`\`${code}\``, status), code);
    for (const readme of READMES) assert.match(textOf(readme), row(status), `${readme}: ${status}`);
  }
  for (const reason of REJECTIONS) assert.match(text, row(`\`${reason}\``), reason);
});

test("docs/events.md names every event type and process state", () => {
  const types = sectionOf("docs/events.md", "Types");
  for (const word of [...EVENT_TYPES, ...PROCESS_STATES]) assert.ok(types.includes(`\`${word}\``), word);
});

test("docs/probes.md has a row for every built-in probe", () => {
  const names: string[] = ["dummy"];
  names.push(...autoProbes(({ name }) => names.push(name)).map(({ name }) => name));
  assert.ok(names.length > 5);
  for (const name of names)
    assert.match(textOf("docs/probes.md"), new RegExp(`^\\| \`${name}\` +\\| .+ \\| .+ \\|$`, "m"), name);
});

test("docs/cli.md names every kind of root cause, docs/api.md every method", () => {
  const why = sectionOf("docs/cli.md", "xctl why");
  for (const kind of CAUSE_KINDS) assert.ok(why.includes(`\`${kind}\``), kind);
  const methods = sectionOf("docs/api.md", "Methods");
  for (const method of Object.keys(METHODS)) assert.match(methods, row(`\`${method}\``), method);
});

test("both READMEs have the same headings and the same code", () => {
  const [english, chinese] = READMES.map(textOf) as [string, string];
  assert.deepEqual(headingsOf(chinese).map(levelOf), headingsOf(english).map(levelOf));
  const commands = commandsOf(english);
  assert.ok(commands.length > 10);
  assert.deepEqual(commandsOf(chinese), commands);
});

/** The relative targets of `[text](target)`, outside of code. */
function linksOf(document: string): string[] {
  const prose = textOf(document).replace(/```[\s\S]*?```|`[^`\n]*`/g, "");
  const targets = Array.from(prose.matchAll(/\]\(([^)\s]+)\)/g), (match) => match[1] as string);
  return targets.filter((target) => !/^[a-z]+:/.test(target));
}

function leadsSomewhere(document: string, link: string): boolean {
  const { path, heading } = targetOf(document, link);
  if (!existsSync(path)) return false;
  return heading === undefined || headingsOf(readFileSync(path, "utf8")).some((line) => anchorOf(line) === heading);
}

function targetOf(document: string, link: string): { path: string; heading: string | undefined } {
  const [file = "", heading] = link.split("#");
  return { path: file === "" ? join(ROOT, document) : join(ROOT, dirname(document), file), heading };
}

function anchorOf(heading: string): string {
  const words = heading.replace(/^#+ /, "").toLowerCase();
  return words.replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(" ", "-");
}

function headingsOf(text: string): string[] {
  return text.replace(/```[\s\S]*?```/g, "").match(/^#+ .*$/gm) ?? [];
}

function levelOf(heading: string): number {
  return heading.indexOf(" ");
}

/** From the heading to the next of its level. */
function sectionOf(document: string, heading: string): string {
  const start = textOf(document).split(`\n## ${heading}\n`)[1];
  assert.ok(start !== undefined, `${document} has no section ${heading}`);
  return start.split("\n## ", 1)[0] as string;
}

/** What a reader types: all of a shell block, and of a console block the lines behind the prompt. */
function commandsOf(text: string): string[] {
  const blocks = [...text.matchAll(/^```(sh|console)\n([\s\S]*?)^```$/gm)];
  return blocks.flatMap(([, language, body = ""]) => {
    const lines = body.split("\n").filter((line) => line !== "");
    return language === "sh" ? lines : lines.filter((line) => line.startsWith("$ "));
  });
}

/** A table's row that begins with these cells, however they are padded. */
function row(...cells: (string | number)[]): RegExp {
  return new RegExp(`^\\|${cells.map((cell) => ` ${cell} +\\|`).join("")}`, "m");
}

function longFlag(flags: string): string {
  return flags.split(" ", 1)[0] as string;
}

function textOf(document: string): string {
  return readFileSync(join(ROOT, document), "utf8");
}
