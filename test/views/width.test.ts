import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cut, displayWidth, wrap } from "../../src/views/width.ts";

const RED = "\u001b[31m";
const OFF = "\u001b[39m";
const text = fc.string({
  unit: fc.constantFrom("a", "b", " ", "中", "，", "（", "é", "e\u0301", "🚀", "-", "/", "(", ")"),
});

test("wide characters take two columns, marks and colours none", () => {
  assert.equal(displayWidth("abc"), 3);
  assert.equal(displayWidth("进程，卡住"), 10);
  assert.equal(displayWidth("e\u0301🚀"), 3);
  assert.equal(displayWidth(`${RED}进${OFF}`), 2);
});

test("a cut text fits, and says that it was cut", () => {
  assert.equal(cut("short", 10, "…"), "short");
  assert.equal(cut("a long text", 7, "…"), "a long…");
  assert.equal(cut("进程卡住了", 7, "…"), "进程卡…");
  assert.equal(cut("进程卡住了", 6, "…"), "进程…");
  assert.equal(cut("text", 0, "…"), "");
});

test("whatever the text, a cut one fits", () => {
  fc.assert(
    fc.property(text, fc.nat(30), (any, width) => {
      assert.ok(displayWidth(cut(any, width, "...")) <= width);
    }),
  );
});

test("whatever the text, wrapped lines fit, end without blanks and lose nothing else", () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 16, max: 60 }), (any, width) => {
      const lines = wrap(any, width, "> ", "  ");
      for (const line of lines) {
        assert.ok(displayWidth(line) <= width, line);
        assert.equal(line.slice(2), line.slice(2).trimEnd());
      }
      const kept = lines.map((line) => line.slice(2)).join("");
      assert.equal(kept.replaceAll(" ", ""), any.replaceAll(" ", ""));
    }),
  );
});

test("Chinese breaks between characters, but not before what closes nor after what opens", () => {
  assert.deepEqual(wrap("一二三四五六七八，九", 16), ["一二三四五六七", "八，九"]);
  assert.deepEqual(wrap("一二三四五六七（八九）", 16), ["一二三四五六七", "（八九）"]);
});

test("without a terminal nothing is wrapped", () => {
  const long = "word ".repeat(500).trim();
  assert.deepEqual(wrap(long, Infinity, "  "), [`  ${long}`]);
});
