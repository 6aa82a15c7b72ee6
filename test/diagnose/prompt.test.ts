import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { CaseFile } from "../../src/diagnose/case.ts";
import { maskedCase } from "../../src/diagnose/case-file.ts";
import { prompt, roughTokens } from "../../src/diagnose/prompt.ts";
import { printable } from "../../src/lib/text.ts";
import { INJECTIONS } from "./injections.ts";
import { leaksOf, sampleOf, SECRETS } from "./redact/corpus.ts";
import { stalled, type Words } from "./source.ts";

const PLACES: readonly (keyof Words)[] = ["comm", "cmdline", "label", "observed", "value", "attr", "lastError", "job"];
const OPTIONS = { strict: false, maxTokens: 8000 };
const PLAIN = prompt(fileOf({}), "en");
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

function fileOf(words: Words): CaseFile {
  return maskedCase(stalled(words), OPTIONS).file;
}

/** The lines before the case, the case, the lines after it. */
function partsOf(user: string): { before: string; text: string; after: string; mark: string } {
  const match =
    /^(?<before>[\s\S]*?)\nBEGIN CASE (?<mark>[0-9a-f]{24})\n(?<text>.*)\nEND CASE \k<mark>\n(?<after>[\s\S]*)$/.exec(
      user,
    );
  assert.ok(match?.groups !== undefined, user.slice(0, 300));
  const { before = "", text = "", after = "", mark = "" } = match.groups;
  return { before, text, after, mark };
}

test("the case stands in it whole, and can be read back", () => {
  const file = fileOf({});
  assert.deepEqual(JSON.parse(partsOf(prompt(file, "en").user).text), file);
});

test("the same case gives the same prompt, another one another mark", () => {
  assert.deepEqual(prompt(fileOf({}), "en"), PLAIN);
  assert.notEqual(partsOf(prompt(fileOf({ comm: "other" }), "en").user).mark, partsOf(PLAIN.user).mark);
});

test("it names the causes that the evidence allows and no others", () => {
  assert.match(PLAIN.user, /^Allowed values of root_cause: process\.stopped(?:, [a-z.]+)*, unknown\.$/m);
  assert.doesNotMatch(partsOf(PLAIN.user).before, /gpu|idle/);
});

test("the answer's language is the reader's", () => {
  const chinese = prompt(fileOf({}), "zh");
  assert.match(chinese.system, /简体中文/);
  assert.match(PLAIN.system, /in English/);
  assert.equal(partsOf(chinese.user).text, partsOf(PLAIN.user).text);
});

test("there are enough injections", () => assert.ok(new Set(INJECTIONS).size >= 20));

for (const [index, injection] of INJECTIONS.entries()) {
  test(`injection ${index}, ${JSON.stringify(printable(injection).slice(0, 50))}, leaves the task as it is`, () => {
    for (const place of PLACES) {
      const file = fileOf({ [place]: injection });
      const { system, user } = prompt(file, "en");
      assert.equal(system, PLAIN.system);
      const { before, text, after, mark } = partsOf(user);
      const plain = partsOf(PLAIN.user);
      assert.deepEqual([before, after], [plain.before, plain.after], place);
      assert.deepEqual(JSON.parse(text), file);
      assert.equal(user.split(mark).length - 1, 2, "the mark stands at the two ends only");
      assert.equal(user.split("\n").length, PLAIN.user.split("\n").length);
      assert.doesNotMatch(text, /<|\[\/?[A-Z]{2}/);
      assert.doesNotMatch(`${system}${user}`.replaceAll("\n", " "), HIDDEN);
      assert.deepEqual(Object.keys(JSON.parse(text) as object), Object.keys(file));
      assert.ok(!file.entities.includes("pid-666"));
    }
  });
}

test("hidden characters are escaped even in a case that did not come from here", () => {
  const file = fileOf({});
  file.why.process.comm = "a\u202eb\u200bc\u{e0041}<d>";
  const { text } = partsOf(prompt(file, "en").user);
  assert.doesNotMatch(text, HIDDEN);
  assert.doesNotMatch(text, /</);
  assert.deepEqual(JSON.parse(text), file);
});

test("no secret of the corpus, put anywhere, is in the case or the prompt", () => {
  for (const [index, template] of SECRETS.entries()) {
    const { line, secrets } = sampleOf(template, 100 + index);
    const words: Words = Object.fromEntries(PLACES.map((place) => [place, line]));
    for (const strict of [false, true]) {
      const { file } = maskedCase(stalled(words), { ...OPTIONS, strict });
      const { system, user } = prompt(file, "en");
      assert.deepEqual(leaksOf(secrets, `${JSON.stringify(file)}${system}${user}`), [], template);
    }
  }
});

test("a random secret in a random place of a random case is not in the prompt", () => {
  const filler = fc.string({ unit: "grapheme-ascii", maxLength: 60 }).map((text) => text.replace(/[^\w ./-]/g, " "));
  const words = fc.record(Object.fromEntries(PLACES.map((place) => [place, filler])));
  const inputs = [words, fc.constantFrom(...PLACES), fc.constantFrom(...SECRETS), fc.nat(), filler, filler] as const;
  fc.assert(
    fc.property(...inputs, (others, place, template, seed, before, after) => {
      const { line, secrets } = sampleOf(template, seed);
      // What masks a value may not hang on what stands around the whole line.
      const told = `${before} ${line} ${after}`;
      const { file } = maskedCase(stalled({ ...others, [place]: told }), OPTIONS);
      assert.deepEqual(leaksOf(secrets, prompt(file, "en").user), [], told);
    }),
    { numRuns: 300 },
  );
});

test("tokens are rather overestimated", () => {
  assert.equal(roughTokens(""), 0);
  assert.ok(roughTokens("The process waits for a lock.") >= 7);
  assert.ok(roughTokens("进程在等待锁") >= 6);
});
