/** Whether a rule's proof is one that the built-in probes can give: what rules and their logs speak of is what those tell. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { loadRules } from "../../../src/diagnose/rules/load.ts";
import { matchesAny } from "../../../src/diagnose/rules/pattern.ts";
import type { Condition } from "../../../src/diagnose/rules/rule.ts";
import type { Event } from "../../../src/model/event.ts";
import { gpuErrorEntry, meaningWords, xidOf } from "../../../src/model/xid.ts";
import { COLLECTIVE } from "../../../src/model/why-job.ts";
import {
  FOREIGN_WAIT_KINDS,
  HEADS,
  isToldHead,
  isToldWaitKind,
  MADE_WAIT_KINDS,
  ROLES,
  WAIT_KINDS,
} from "../../probes/vocabulary.ts";
import { logOf } from "./case.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const { rules } = await loadRules({ env: { XCTL_RULES_DIR: "/nonexistent" } });
const LOGS = globSync("*.jsonl", { cwd: join(ROOT, "test", "fixtures", "rules") }).map((file) =>
  basename(file, ".jsonl"),
);

/** A condition and all within it, also what must not be. */
function partsOf(condition: Condition): Condition[] {
  const { all = [], any = [], not } = condition;
  return [condition, ...[...all, ...any, ...(not === undefined ? [] : [not])].flatMap(partsOf)];
}

function words(pick: (condition: Condition) => (readonly string[] | undefined)[]): { id: string; word: string }[] {
  return rules.flatMap(({ id, when }) =>
    partsOf(when)
      .flatMap(pick)
      .flatMap((list = []) => list.map((word) => ({ id, word }))),
  );
}

const isPlain = (word: string) => !/[*?]/.test(word);

test("every head of an error that a rule names is one that a probe tells", () => {
  const all = Object.values(HEADS).flat();
  const named = words(({ error }) => [error?.head]);
  assert.ok(named.length > 30);
  assert.deepEqual(
    named.filter(({ word }) => !(isPlain(word) ? isToldHead(word) : all.some((head) => matchesAny([word], head)))),
    [],
  );
});

test("an XID stands in a rule by its number: a wildcard takes in others that mean something else", () => {
  assert.deepEqual(
    words(({ error }) => [error?.head]).filter(({ word }) => /^XID/i.test(word) && !isPlain(word)),
    [],
  );
});

test("every kind of wait that a rule names is one that a probe tells, or other people's may, or a rank's", () => {
  const others = [...FOREIGN_WAIT_KINDS, COLLECTIVE];
  const all = [...WAIT_KINDS, ...others, "STALL_2100ms"];
  const isKnown = (word: string) =>
    isPlain(word) ? isToldWaitKind(word) || others.includes(word) : all.some((kind) => matchesAny([word], kind));
  const named = words(({ wait, path = [] }) => [wait, ...path.map((step) => step.wait)].map((each) => each?.kind));
  assert.ok(named.length > 50);
  assert.ok(MADE_WAIT_KINDS.some(([made]) => made.test("STALL_2100ms")));
  assert.deepEqual(
    named.filter(({ word }) => !isKnown(word)),
    [],
  );
});

test("every role that a rule names is one that the process probe tells, or the chain has", () => {
  const named = words(({ holder, path = [] }) =>
    [holder, ...path.map((step) => step.holder)].map((each) => each?.role),
  );
  assert.ok(named.length > 10);
  assert.deepEqual(
    named.filter(({ word }) => ![...ROLES, "parent"].includes(word)),
    [],
  );
});

test("what a rule's log tells, the built-in probes tell like that", () => {
  const wrong = LOGS.flatMap((log) =>
    logOf(log).flatMap((event) => faultsOf(event).map((fault) => `${log}: ${fault}`)),
  );
  assert.deepEqual(wrong, []);
});

test("docs/rules.md names the rules that only programs of other people's can trigger", () => {
  const text = readFileSync(join(ROOT, "docs", "rules.md"), "utf8");
  const section = /^## What only other programs tell\n([\s\S]*?)(?=^## )/m.exec(text)?.[1] ?? "";
  for (const kind of FOREIGN_WAIT_KINDS) assert.ok(section.includes(`\`${kind}\``), kind);
  const named = Array.from(section.matchAll(/`([a-z0-9-]+)`/g), ([, id]) => id as string);
  const foreign = LOGS.filter((log) => logOf(log).some(isForeign));
  assert.ok(foreign.length > 0);
  assert.deepEqual(named.filter((name) => LOGS.includes(name)).toSorted(), foreign.toSorted());
});

function isForeign({ value }: Event): boolean {
  return FOREIGN_WAIT_KINDS.includes(value);
}

/** What no built-in probe would have said so. */
function faultsOf(event: Event): string[] {
  const { event_type: type, value, attrs = {} } = event;
  if (isForeign(event)) return [];
  switch (type) {
    case "process.wait":
      return [
        ...(isToldWaitKind(value) ? [] : [`no kind of wait: ${value}`]),
        // The call, the stack or a table; never the name of the kind.
        ...(attrs.observed === value || attrs.source === undefined ? [`no evidence: ${value}`] : []),
        ...(value === "gpu.sync" && attrs.cause === undefined ? ["gpu.sync without a cause"] : []),
      ];
    case "resource.held":
      return [
        ...(ROLES.includes(value) ? [] : [`no role: ${value}`]),
        ...(String(attrs.observed).startsWith("held by") ? [`no evidence: ${value}`] : []),
      ];
    case "error.hw":
    case "error.net":
    case "topo.link_down":
      return errorFaults(event);
    default:
      return /^process\.|^compute\.|^intent\.|^storage\./.test(type) ? [] : [`${type} ${value}`];
  }
}

function errorFaults({ value, attrs = {} }: Event): string[] {
  const [head = "", ...rest] = value.split(":");
  const entry = xidOf(value) === undefined ? undefined : gpuErrorEntry(value);
  return [
    ...(isToldHead(head) ? [] : [`no head: ${head}`]),
    ...(attrs.severity === undefined ? [`no severity: ${value}`] : []),
    ...(entry !== undefined && rest.join(":") !== meaningWords(entry.meaning)
      ? [`no words of that XID: ${value}`]
      : []),
    ...(head === "THROTTLED" && !/^[a-z_]+( [a-z_]+)*$/.test(rest.join(":")) ? [`no reasons: ${value}`] : []),
  ];
}
