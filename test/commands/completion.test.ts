/** The completion scripts, by the shells they are for. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { SHELLS, VERBS } from "../../src/commands/index.ts";
import { onLinux } from "../act/processes.ts";
import { Place } from "./place.ts";

test("bash completes verbs, options, their values, files and pids", { skip: missing("bash") }, async (t) => {
  const place = new Place(t);
  place.file("case.jsonl", "");
  const { stdout: script } = await place.run(["completion", "bash"]);
  const path = place.file("completion.bash", script);
  const complete = async (...words: string[]): Promise<string[]> => {
    const { status, stdout, stderr } = await place.shell(
      `set -u; source "${path}"; COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}
      COMPREPLY=(); _xctl; printf '%s\\n' "\${COMPREPLY[@]-}"`,
    );
    assert.deepEqual([status, stderr], [0, ""], words.join(" "));
    return stdout.split("\n").filter((word) => word !== "");
  };
  const verbs = VERBS.map(({ name }) => name);
  assert.deepEqual(await complete("xctl", ""), [...verbs, "--help", "--version"]);
  assert.deepEqual(await complete("xctl", "st"), ["status"]);
  assert.deepEqual(await complete("xctl", "ps", "--"), [...optionsOf("ps"), "--help", "--no-color"]);
  assert.deepEqual(await complete("xctl", "zap", "--signal", "T"), ["TERM"]);
  assert.deepEqual(await complete("xctl", "why", "--from", "ca"), ["case.jsonl"]);
  assert.deepEqual(await complete("xctl", "completion", ""), [...SHELLS]);
  if (onLinux === false) {
    const own = String(process.pid);
    assert.ok((await complete("xctl", "why", "")).includes(own));
    const found = await complete("xctl", "why", own);
    assert.ok(found.includes(own) && found.every((pid) => pid.startsWith(own)), found.join(" "));
  }
});

for (const shell of SHELLS) {
  test(`the script for ${shell} is one`, { skip: missing(shell) }, async (t) => {
    const place = new Place(t);
    for (const lang of ["en", "zh"]) {
      const { stdout } = await place.run(["completion", shell], { env: { XCTL_LANG: lang } });
      const path = place.file(`completion.${shell}`, stdout);
      const { status, stderr } = spawnSync(shell, ["-n", path], { encoding: "utf8" });
      assert.deepEqual([status, stderr], [0, ""], lang);
    }
  });

  test(`the script for ${shell} knows every verb and option`, async (t) => {
    const { stdout } = await new Place(t).run(["completion", shell]);
    for (const { name } of VERBS) {
      assert.ok(stdout.includes(name), name);
      for (const option of optionsOf(name)) {
        const written = shell === "fish" ? `-l ${option.slice(2)}` : option;
        assert.ok(stdout.includes(written), `${name} ${option}`);
      }
    }
  });
}

function optionsOf(verb: string): string[] {
  const options = VERBS.find(({ name }) => name === verb)?.options ?? [];
  return options.map(({ flags }) => flags.split(" ")[0] as string);
}

function missing(shell: string): string | false {
  return spawnSync(shell, ["-c", ":"]).error === undefined ? false : `no ${shell} here`;
}
