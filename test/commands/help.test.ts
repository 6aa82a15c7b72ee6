/** What --help and --version say, of the program and of every verb. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { VERBS } from "../../src/commands/index.ts";
import { displayWidth } from "../../src/views/width.ts";
import { assertGolden } from "../views/golden.ts";
import { Place } from "./place.ts";

const ROOT = join(import.meta.dirname, "..", "..");

for (const lang of ["en", "zh"]) {
  test(`the help of every verb, ${lang}`, async (t) => {
    const place = new Place(t);
    const commands = [[], ...VERBS.map(({ name }) => [name])];
    const texts = await Promise.all(
      commands.map(async (command) => {
        const { status, stdout, stderr } = await place.run([...command, "--help"], { env: { XCTL_LANG: lang } });
        assert.deepEqual([status, stderr], [0, ""]);
        return `$ xctl ${[...command, "--help"].join(" ")}\n${stdout}`;
      }),
    );
    for (const line of texts.join("").split("\n")) assert.ok(displayWidth(line) <= 80, line);
    assertGolden(`help-${lang}`, texts.join("\n"));
  });
}

test("--help wins over whatever else is wrong, and -h is the same", async (t) => {
  const place = new Place(t);
  const { stdout: whole } = await place.run(["why", "--help"]);
  for (const args of [
    ["why", "-h"],
    ["why", "not-a-pid", "--help"],
    ["why", "--help", "--json"],
    ["--no-color", "why", "--help"],
  ]) {
    assert.deepEqual(await place.run(args), { status: 0, stdout: whole, stderr: "" }, args.join(" "));
  }
});

test("--version is the package's, everywhere", async (t) => {
  const place = new Place(t);
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  const commands = [["--version"], ["-V"], ...VERBS.map(({ name }) => [name, "--version"])];
  const answers = await Promise.all(commands.map((args) => place.run(args)));
  for (const answer of answers) assert.deepEqual(answer, { status: 0, stdout: `${version}\n`, stderr: "" });
});
