import assert from "node:assert/strict";
import { test } from "node:test";
import { KILL, parseSignal, TERM } from "../../src/act/signals.ts";
import { taskkillArguments } from "../../src/act/taskkill.ts";
import { onLinux } from "./processes.ts";

test("a signal is named with or without SIG, in any case, or by its number", () => {
  for (const text of ["TERM", "SIGTERM", "sigterm", "term", "15"]) assert.equal(parseSignal(text), TERM, text);
  for (const text of ["KILL", "SIGKILL", "9"]) assert.equal(parseSignal(text), KILL, text);
});

test("a real-time signal goes by its number", { skip: onLinux }, () => {
  assert.deepEqual(parseSignal("64"), { name: "64", number: 64, ends: true });
});

test("what is no signal is none", () => {
  for (const text of ["", "0", "65", "-9", "9.0", "SIG", "SIGSIGTERM", "TERMINATE", "toString", "constructor"]) {
    assert.equal(parseSignal(text), undefined, text);
  }
});

const ends = (name: string) => parseSignal(name)?.ends;

test("only those signals end a process whose default action does", { skip: onLinux }, () => {
  assert.deepEqual(["HUP", "INT", "QUIT", "TERM", "KILL", "USR1", "PIPE"].map(ends), Array(7).fill(true));
  assert.deepEqual(["STOP", "TSTP", "CONT", "CHLD", "WINCH", "URG"].map(ends), Array(6).fill(false));
});

test("on Windows the tree is ended by force", () => {
  assert.deepEqual(taskkillArguments(4711), ["/F", "/T", "/PID", "4711"]);
});
