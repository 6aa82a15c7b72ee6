/** What is delivered, dist/, loads for the verbs that must be quick: each chunk of it by what stands in its text. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Place } from "./place.ts";

const DIST = join(import.meta.dirname, "..", "..", "dist");
const MAIN = join(DIST, "main.js");
const missing = existsSync(MAIN) ? false : "there is no dist/main.js here; npm run build makes it";

/** The chunks' names say little, so each part is known by a text that nothing else has. */
const MODEL_CODE: Record<string, string> = {
  "the AI SDK": "vercel.ai.error",
  "Claude's provider": "anthropic-version",
  "OpenAI's provider": "chat/completions",
  "the MCP SDK": "notifications/initialized",
  "YAML, for the rules": "yaml.alias",
  "the rules": "XCTL_RULES",
  Zod: "ZodError",
  masking: "github_pat_",
};

test("ps and why, asked of a daemon, load none of the model's code", { skip: missing }, async (t) => {
  const chunks = globSync(join(DIST, "*.js")).map((path) => readFileSync(path, "utf8"));
  for (const [part, mark] of Object.entries(MODEL_CODE)) {
    assert.ok(
      chunks.some((text) => text.includes(mark)),
      `${part} is no longer known by ${mark}`,
    );
  }
  const place = new Place(t, MAIN);
  const hook = `import { registerHooks } from "node:module";
    registerHooks({ load: (url, context, next) => (process.stderr.write(url + "\\n"), next(url, context)) });`;
  const env = { NODE_OPTIONS: `--import ${place.file("hook.mjs", hook)}` };
  const { port, pid } = await place.daemon();
  const loadedBy = async (...args: string[]) => {
    const { status, stderr } = await place.run([...args, "--port", String(port)], { env });
    assert.equal(status, 0, stderr);
    const urls = stderr.split("\n").filter((line) => line.startsWith("file:") && line.endsWith(".js"));
    return urls.map((url) => readFileSync(fileURLToPath(url), "utf8")).join("\n");
  };
  for (const args of [["ps"], ["why"], ["why", String(pid)]]) {
    const loaded = await loadedBy(...args);
    for (const [part, mark] of Object.entries(MODEL_CODE)) {
      assert.ok(!loaded.includes(mark), `${args.join(" ")} loads ${part}`);
    }
  }
  const asking = await loadedBy("diag", String(pid), "--provider", "none");
  assert.ok(asking.includes("XCTL_RULES"), "the hook sees what is loaded");
});
