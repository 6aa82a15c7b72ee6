import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readText } from "../../src/kernel/procfs.ts";
import { SYSCALLS } from "../../src/kernel/syscall-table.ts";
import { parseSyscall, syscallName } from "../../src/kernel/syscalls.ts";
import { anyText, fixture } from "./support.ts";

test("a recorded read(20, …) is named, with its arguments", () => {
  const entry = parseSyscall(readText(`${fixture("x64-6.18")}/23114/syscall`) ?? "");
  assert.ok(entry !== undefined && "nr" in entry);
  assert.equal(syscallName(entry.nr, "x64"), "read");
  assert.deepEqual([entry.args.length, entry.args[0], entry.args[2], entry.is32Bit], [6, 20n, 1n, false]);
});

test("running, blocked outside a system call, and a 32-bit program are told apart", () => {
  assert.deepEqual(parseSyscall("running\n"), { running: true });
  assert.deepEqual(parseSyscall("-1 0x7ffd43bf3a48 0x7f9c65a1b2c3\n"), {
    nr: -1,
    args: [],
    stackPointer: 0x7ffd43bf3a48n,
    is32Bit: false,
  });
  const compat = parseSyscall("3 0x0 0xffb3c1d0 0x400 0x0 0x0 0x0 0xffb3c0a0 0xf7f2a549\n");
  assert.ok(compat !== undefined && "nr" in compat && compat.is32Bit);
});

test("what is no such line is not understood", () => {
  for (const text of ["", "0", "0 0x1", "x 0x0", "0 1 2 3 4 5 6 7 8", "-1", "0 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0xg"]) {
    assert.equal(parseSyscall(text), undefined, text);
  }
});

test("numbers are looked up by architecture", () => {
  // arch/x86/entry/syscalls/syscall_64.tbl; include/uapi/asm-generic/unistd.h
  const known = { x64: { 0: "read", 61: "wait4", 202: "futex", 232: "epoll_wait", 35: "nanosleep" },
    arm64: { 63: "read", 260: "wait4", 98: "futex", 22: "epoll_pwait", 101: "nanosleep" } }; // prettier-ignore
  for (const [arch, names] of Object.entries(known)) {
    for (const [nr, name] of Object.entries(names)) assert.equal(syscallName(Number(nr), arch), name);
  }
  assert.equal(syscallName(99_999, "x64"), undefined);
  assert.equal(syscallName(-1, "arm64"), undefined);
  assert.equal(syscallName(0, "riscv64"), undefined);
});

test("the table names no number and no call twice", () => {
  for (const at of [0, 1, 2] as const) {
    const column = SYSCALLS.map((row) => row[at]).filter((value) => value !== -1);
    assert.equal(new Set(column).size, column.length);
  }
});

test("no text makes the parser throw", () => {
  fc.assert(fc.property(anyText, (text) => void parseSyscall(text)));
  fc.assert(
    fc.property(fc.stringMatching(/^-?[0-9]{1,12}( 0x[0-9a-f]{1,40}){0,10}$/), (text) => void parseSyscall(text)),
  );
});
