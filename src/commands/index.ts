/** The explicit list of verbs. */
import type { Verb, VerbOption } from "./verb.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;

const PORT: VerbOption = { flags: "--port <port>", help: "port", default: "9090" };
const FROM: VerbOption = { flags: "--from <file>", help: "from", values: "files" };
const JSON_OUTPUT: VerbOption = { flags: "--json", help: "json" };
const JOB: VerbOption = { flags: "--job <id>", help: "job" };

export const VERBS: readonly Verb[] = [
  {
    name: "run",
    options: [
      { flags: "--probe <name>", help: "probe", repeatable: true, values: "files" },
      PORT,
      { flags: "--host <address>", help: "host", default: "127.0.0.1" },
      { flags: "--interval <duration>", help: "interval", default: "1s" },
      { flags: "--node <name>", help: "node" },
      { flags: "--record <file>", help: "record", values: "files" },
    ],
    load: () => import("./run.ts"),
  },
  {
    name: "ps",
    options: [{ flags: "--all", help: "ps_all" }, JOB, JSON_OUTPUT, { flags: "--watch", help: "watch" }, FROM, PORT],
    load: () => import("./ps.ts"),
  },
  {
    name: "why",
    argument: "[pid]",
    options: [
      JOB,
      { flags: "--flight-recorder <dir>", help: "flight_recorder" },
      { flags: "--all", help: "why_all" },
      JSON_OUTPUT,
      FROM,
      PORT,
    ],
    load: () => import("./why.ts"),
  },
  {
    name: "zap",
    argument: "<pid>",
    options: [
      { flags: "--signal <name>", help: "signal", default: "KILL", values: ["KILL", "TERM", "INT", "HUP", "QUIT"] },
      { flags: "--grace <duration>", help: "grace", default: "0s" },
      { flags: "--dry-run", help: "dry_run" },
      { flags: "--yes", help: "yes" },
      JSON_OUTPUT,
    ],
    load: () => import("./zap.ts"),
  },
  {
    name: "diag",
    argument: "<pid>",
    options: [
      { flags: "--provider <name>", help: "provider", values: ["openai", "claude", "local", "none"] },
      { flags: "--model <name>", help: "model" },
      { flags: "--base-url <url>", help: "base_url" },
      { flags: "--redact <level>", help: "redact", values: ["strict"] },
      { flags: "--dry-run", help: "diag_dry_run" },
      JSON_OUTPUT,
      FROM,
      PORT,
    ],
    load: () => import("./diag.ts"),
  },
  {
    name: "events",
    options: [
      { flags: "--follow", help: "follow" },
      { flags: "--type <type>", help: "type" },
      { flags: "--pid <pid>", help: "pid" },
      JSON_OUTPUT,
      FROM,
      PORT,
    ],
    load: () => import("./events.ts"),
  },
  { name: "emit", options: [PORT], load: () => import("./emit.ts") },
  { name: "status", options: [JSON_OUTPUT, PORT], load: () => import("./status.ts") },
  { name: "doctor", options: [JSON_OUTPUT, PORT], load: () => import("./doctor.ts") },
  {
    name: "mcp",
    options: [
      FROM,
      PORT,
      { flags: "--redact <level>", help: "redact", values: ["strict"] },
      { flags: "--no-redact", help: "no_redact" },
    ],
    load: () => import("./mcp.ts"),
  },
  {
    name: "completion",
    argument: "<shell>",
    argumentValues: SHELLS,
    options: [],
    load: () => import("./completion.ts"),
  },
];
