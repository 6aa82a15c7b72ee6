import assert from "node:assert/strict";
import { test } from "node:test";
import { languageOf } from "../../src/views/language.ts";

const CASES: [env: Record<string, string | undefined>, lang: "en" | "zh"][] = [
  [{}, "en"],
  [{ LANG: "zh_CN.UTF-8" }, "zh"],
  [{ LANG: "zh" }, "zh"],
  [{ LANG: "zh-Hans" }, "zh"],
  [{ LANG: "ZH_cn" }, "zh"],
  [{ LANG: "zhuang" }, "en"],
  [{ LANG: "C" }, "en"],
  [{ LANG: "en_US.UTF-8" }, "en"],
  [{ XCTL_LANG: "en", LANG: "zh_CN.UTF-8" }, "en"],
  [{ XCTL_LANG: "zh", LC_ALL: "en_US.UTF-8" }, "zh"],
  [{ LC_ALL: "zh_CN", LC_MESSAGES: "en", LANG: "en" }, "zh"],
  [{ LC_MESSAGES: "zh_CN", LANG: "en_US" }, "zh"],
  [{ XCTL_LANG: "", LC_ALL: "", LC_MESSAGES: undefined, LANG: "zh_CN" }, "zh"],
];

for (const [env, lang] of CASES) {
  test(`${JSON.stringify(env)} asks for ${lang}`, () => assert.equal(languageOf(env), lang));
}
