/** Who may import whom, and what the pure rooms may not touch: the rules of docs/architecture.md, held. */
import assert from "node:assert/strict";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize, relative } from "node:path";
import { test } from "node:test";

const SRC = join(import.meta.dirname, "..", "..", "src");

/** The rooms of src/ that each may import from, besides itself and lib. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  lib: [],
  model: [],
  kernel: [],
  protocol: ["model"],
  views: ["model"],
  probes: ["model", "kernel"],
  act: ["kernel"],
  client: ["protocol", "model"],
  daemon: ["probes", "model", "protocol", "views"],
  diagnose: ["client", "views", "model"],
  // commands, and main.ts above the rooms, may import any; but of commands only run.ts the daemon.
};
const ONLY_DOOR_TO_DAEMON = "commands/run.ts";
/** Stands above the rooms, and says what package.json says. */
const VERSION = "version.ts";

/**
 * The language's own ways to read a clock or roll dice, which a pure function has no use for. Node's (process, timers,
 * Buffer) are not even declared for the model: src/model/tsconfig.json.
 */
const IMPURE = /\b(?:Date\.now|new Date\(\)|Temporal\.Now|Math\.random)/;

test("every import of src keeps to the rules", () => {
  assert.ok(sources(SRC).length > 10);
  assert.deepEqual(violations(SRC), []);
});

const BROKEN: { rule: string; path: string; text: string }[] = [
  { rule: "a room it may not know", path: "views/tree.ts", text: `import { run } from "../daemon/run.ts";` },
  { rule: "a type alone", path: "kernel/a.ts", text: `import type { Event } from "../model/event.ts";` },
  { rule: "many lines", path: "act/a.ts", text: `import {\n  Event,\n} from "../model/event.ts";` },
  { rule: "a re-export", path: "protocol/a.ts", text: `export * from "../probes/probe.ts";` },
  { rule: "a dynamic import", path: "client/a.ts", text: `const { apply } = await import("../views/ps.ts");` },
  { rule: "an import for its effect", path: "lib/a.ts", text: `import "../model/graph.ts";` },
  { rule: "the daemon by a command", path: "commands/ps.ts", text: `import { serve } from "../daemon/serve.ts";` },
  { rule: "Node in the model", path: "model/a.ts", text: `import { readFileSync } from "node:fs";` },
  { rule: "a package in the model", path: "model/a.ts", text: `import { z } from "zod";` },
  { rule: "a package in lib", path: "lib/a.ts", text: `import { z } from "zod";` },
  { rule: "a clock in the model", path: "model/a.ts", text: `const now = Date.now();` },
  { rule: "a clock by another name", path: "model/a.ts", text: `const year = new Date().getFullYear();` },
  { rule: "a path out of src", path: "probes/a.ts", text: `import { fake } from "../../test/fake.ts";` },
  { rule: "a room nobody named", path: "utils/a.ts", text: `export const a = 1;` },
];

for (const { rule, path, text } of BROKEN) {
  test(`is found: ${rule}`, () => withTree({ [path]: text }, (root) => assert.equal(violations(root).length, 1)));
}

test("what the rules allow is not found", () => {
  const tree = {
    "main.ts": `import { ps } from "./commands/ps.ts";`,
    "commands/run.ts": `import { serve } from "../daemon/serve.ts";\nimport { zap } from "../act/zap.ts";`,
    "daemon/serve.ts": `import { Hono } from "hono";\nimport { apply } from "../model/graph.ts";`,
    "model/graph.ts": `// Date.now() is the caller's.\nimport { printable } from "../lib/text.ts";`,
    "kernel/procfs.ts": `import { openSync } from "node:fs";\nimport koffi from "koffi";`,
    "lib/text.ts": `import { inspect } from "node:util";`,
    "probes/process/task.ts": `import { readStat } from "../../kernel/procfs.ts";\nimport { b } from "./b.ts";`,
  };
  withTree(tree, (root) => assert.deepEqual(violations(root), []));
});

function violations(src: string): string[] {
  return sources(src).flatMap((file) => {
    const text = withoutComments(readFileSync(join(src, file), "utf8"));
    const room = file.includes("/") ? (file.split("/", 1)[0] as string) : "";
    const found = importsOf(text).flatMap((target) => {
      const complaint = complaintAbout(file, room, target);
      return complaint === undefined ? [] : [`${file} imports ${target}: ${complaint}`];
    });
    const impure = room === "model" ? IMPURE.exec(text)?.[0] : undefined;
    if (impure !== undefined) found.push(`${file} uses ${impure}: the model is pure`);
    if (room !== "" && room !== "commands" && !(room in MAY_IMPORT)) found.push(`${file}: no rule for src/${room}`);
    return found;
  });
}

function complaintAbout(file: string, room: string, target: string): string | undefined {
  if (!target.startsWith(".")) {
    if (room === "model") return "the model imports no Node and no package";
    if (room === "lib" && !target.startsWith("node:")) return "lib imports only itself and Node";
    return undefined;
  }
  const path = normalize(join(dirname(file), target));
  if (path.startsWith("..")) return file === VERSION && path === "../package.json" ? undefined : "outside src";
  if (!path.includes("/")) return room === "" || path === VERSION ? undefined : `nothing imports ${path}`;
  const other = path.split("/", 1)[0] as string;
  if (other === room || other === "lib") return undefined;
  if (other === "daemon" && room === "commands") {
    return file === ONLY_DOOR_TO_DAEMON ? undefined : `only ${ONLY_DOOR_TO_DAEMON} imports the daemon`;
  }
  return MAY_IMPORT[room]?.includes(other) === false ? `${room} may not know ${other}` : undefined;
}

/** Of `import … from "x"`, `export … from "x"`, `import "x"` and `import("x")`, the x. */
function importsOf(text: string): string[] {
  const forms =
    /(?:^|[;{}\s])(?:import|export)\s*(?:[\w*{][\w\s,{}*$]*?\sfrom\s*|[*{][\w\s,{}*$]*?\}?\s*from\s*|\(\s*)?["']([^"'\n]+)["']/g;
  return Array.from(text.matchAll(forms), (match) => match[1] as string);
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

function sources(src: string): string[] {
  return globSync("**/*.ts", { cwd: src }).map((file) => relative(".", file));
}

function withTree(files: Record<string, string>, use: (root: string) => void): void {
  const root = mkdtempSync(join(tmpdir(), "xctl-imports-"));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    use(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}
