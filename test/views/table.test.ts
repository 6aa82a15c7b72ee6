import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { ink, type Style } from "../../src/views/style.ts";
import { table, type Column } from "../../src/views/table.ts";
import { displayWidth } from "../../src/views/width.ts";

const style: Style = { color: false, width: 60, lang: "en", unicode: true };
const COLUMNS: Column[] = [
  { header: "PID", align: "right", whole: true, cells: ["7", "4194304"] },
  { header: "JOB", optional: true, cells: ["-", "-"] },
  { header: "WAITS", cells: ["pipe.read", "等待管道"] },
  { header: "COMMAND", yields: true, cells: ["cat", `python3 ${"训练".repeat(40)}`] },
];

test("columns are aligned by what is seen, wide characters included", () => {
  assert.deepEqual(table(COLUMNS, { ...style, width: Infinity }).slice(0, 2), [
    "    PID  JOB  WAITS      COMMAND",
    "      7  -    pipe.read  cat",
  ]);
  const [header = "", , wide = ""] = table(COLUMNS, { ...style, width: Infinity });
  const before = wide.slice(0, wide.indexOf("python3"));
  assert.equal(displayWidth(before), header.indexOf("COMMAND"));
});

test("where there is no room the empty column goes, the long one is cut, the pid is whole", () => {
  assert.deepEqual(table(COLUMNS, { ...style, width: 31 }), [
    "    PID  WAITS      COMMAND",
    "      7  pipe.read  cat",
    "4194304  等待管道   python3 训…",
  ]);
});

test("at any width every line fits and none ends in blanks", () => {
  for (let width = 14; width <= 200; width++) {
    for (const line of table(COLUMNS, { ...style, width })) {
      assert.ok(displayWidth(line) <= width, `${width}: ${line}`);
      assert.equal(line, line.trimEnd());
    }
  }
});

test("colour changes nothing of what is seen", () => {
  const painted: Column[] = COLUMNS.map((column) => ({
    ...column,
    paint: (cell: string) => ink({ ...style, color: true }, cell, "red"),
  }));
  const colored = table(painted, { ...style, color: true });
  assert.ok(colored.join("").includes("\u001b[31m"));
  assert.deepEqual(
    colored.map((line) => stripVTControlCharacters(line)),
    table(COLUMNS, style),
  );
});
