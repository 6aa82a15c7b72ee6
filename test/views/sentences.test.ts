import assert from "node:assert/strict";
import { test } from "node:test";
import { ADVICE_KEYS, CAUSE_KINDS } from "../../src/model/cause.ts";
import type { CauseParts } from "../../src/views/sentences/en.ts";
import type { FailureParts } from "../../src/views/sentences/en-diag.ts";
import { sentencesOf } from "../../src/views/sentences/index.ts";

const en = sentencesOf("en");
const zh = sentencesOf("zh");

const PARTS: CauseParts = {
  who: "cat (1)",
  actor: "ssh (2)",
  members: ["cat (1)", "ssh (2)"],
  tids: [3],
  entity: "pipe:7",
  detail: "XID_79",
  wait: "waits",
  held: "lock:08:01:7",
  place: "pts/3 pid 14",
};
const BARE: CauseParts = {
  ...PARTS,
  actor: null,
  members: ["cat (1)"],
  tids: [],
  detail: "",
  wait: null,
  held: null,
  place: null,
};

const FAILURE: FailureParts = {
  first: "7",
  second: "7",
  status: 500,
  url: "http://h/v1",
  model: "m",
  keyVariable: "KEY",
  listModels: "curl http://h/v1/models",
  retryAfterS: 7,
  isLocal: true,
  again: "xctl diag 7",
  moreTimeS: 7,
  moreTokens: 7,
};
const BARE_FAILURE: FailureParts = { ...FAILURE, first: "", status: 0, retryAfterS: null, isLocal: false };

/** By the catalogue's part: what its sentences are asked with, where that is not numbers. */
const ASKED: [part: string, args: unknown[][]][] = [
  ["causes/", [[PARTS], [BARE]]],
  ["advice/", [[PARTS], [BARE]]],
  ["diag/failures/", [[FAILURE], [BARE_FAILURE]]],
];

type Leaf = string | ((...args: unknown[]) => unknown);

function* leaves(catalogue: object, path = ""): Generator<[path: string, leaf: Leaf]> {
  for (const [key, value] of Object.entries(catalogue)) {
    const at = path === "" ? key : `${path}/${key}`;
    if (typeof value === "object" && value !== null) yield* leaves(value, at);
    else yield [at, value as Leaf];
  }
}

/** What the leaf says, each way it can be asked. */
function textsOf(path: string, leaf: Leaf): string[] {
  if (typeof leaf === "string") return [leaf];
  const asked =
    ASKED.find(([part]) => path.startsWith(part))?.[1] ??
    [1, 7].map((value) => Array.from({ length: leaf.length }, () => value));
  return asked.flatMap((args) => leaf(...args) as string | string[]).map(String);
}

function shape(catalogue: object): string[] {
  return Array.from(
    leaves(catalogue),
    ([path, leaf]) => `${path} ${typeof leaf === "string" ? "text" : leaf.length}`,
  ).sort();
}

test("both languages have the same keys, taking the same arguments", () => {
  assert.ok(shape(en).length > 200);
  assert.deepEqual(shape(zh), shape(en));
});

for (const [lang, catalogue] of [
  ["en", en],
  ["zh", zh],
] as const) {
  test(`no sentence is empty or holds what is no text: ${lang}`, () => {
    for (const [path, leaf] of leaves(catalogue)) {
      for (const text of textsOf(path, leaf)) {
        assert.match(text, /\S/, path);
        assert.doesNotMatch(text, /undefined|null|NaN|\[object/, path);
      }
    }
  });
}

test("every kind of cause and every advice has its sentences", () => {
  assert.deepEqual(Object.keys(en.causes), [...CAUSE_KINDS]);
  assert.deepEqual(Object.keys(en.advice), [...ADVICE_KEYS]);
});

test("a sentence about a cause begins with a capital or a name, and ends with a full stop", () => {
  for (const kind of CAUSE_KINDS) {
    assert.match(en.causes[kind](PARTS), /^(?:[A-Z]|cat|ssh|pipe).*\.$/, kind);
    assert.match(zh.causes[kind](PARTS), /。$/, kind);
  }
});

/** Words that are the same in both languages: names, units, formats. */
const NEUTRAL =
  /^(?:names\/process|machine\/(?:linux|root|cgroup|python)\/ok|zap\/.*|diag\/(?:from|spent|failed)|ended\/oomKiller)$/;

test("Chinese is Chinese, and English is ASCII but for its punctuation", () => {
  for (const [path, leaf] of leaves(zh)) {
    if (NEUTRAL.test(path)) continue;
    for (const text of textsOf(path, leaf)) assert.match(text, /[\p{Script=Han}：（]/u, path);
  }
  for (const [path, leaf] of leaves(en)) {
    for (const text of textsOf(path, leaf)) assert.match(text, /^[\u0020-\u007e…]+$/, path);
  }
});
