/**
 * `xctl zap PID`: reads the arguments, asks on a terminal, has act/zap do it, prints the answer. It needs no daemon
 * and decides nothing about processes.
 */
import { createInterface } from "node:readline/promises";
import { ZapRefused, type RefusalKind } from "../act/refusal.ts";
import { KILL, parseSignal, type Signal } from "../act/signals.ts";
import { taskkill } from "../act/taskkill.ts";
import { zap, type ZapOptions, type ZapOutcome } from "../act/zap.ts";
import { XctlError, type ErrorCode } from "../lib/errors.ts";
import type { ZapDocument } from "../model/documents.ts";
import { sentencesOf, type Sentences } from "../views/sentences/index.ts";
import { processLabel, zapText, zapTree } from "../views/zap.ts";
import { printJson, type Terminal } from "./terminal.ts";
import { readDuration, readPid } from "./values.ts";
import type { RunVerb, VerbOptions } from "./verb.ts";

const GRACE_BOUNDS = { minMs: 0, maxMs: 24 * 3_600_000 };

/** 0 where all are gone (or the signal is none that ends them), 1 where some survived. */
export const run: RunVerb = async (argument, options, terminal) => {
  const say = sentencesOf(terminal.style.lang);
  const pid = readPid(argument ?? "", say);
  const act = readOptions(options, say);
  const interruption = new AbortController();
  const interrupt = () => interruption.abort();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  try {
    const outcome = await end(pid, { ...act, abort: interruption.signal }, options.yes === true, terminal);
    const document = zapDocument(outcome, act, say);
    if (options.json === true) printJson(terminal, document);
    else terminal.out(zapText(document, terminal.style, act.signal.ends || act.graceMs > 0));
    return outcome.survived.every(({ kind }) => kind === "not_ending") ? 0 : 1;
  } catch (error) {
    if (error instanceof ZapRefused) throw refusal(error, say);
    if (interruption.signal.aborted) throw new XctlError("failed", say.zap.interrupted);
    throw error;
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
};

async function end(pid: number, act: ZapOptions, yes: boolean, terminal: Terminal): Promise<ZapOutcome> {
  if (process.platform === "win32") {
    await taskkill(pid);
    return { ended: [{ pid, startTicks: 0, ppid: 0, comm: "" }], survived: [], unreaped: undefined };
  }
  const asks = !yes && !act.dryRun && process.stdin.isTTY && process.stdout.isTTY;
  if (!asks) return zap({ pid }, act);
  const plan = await zap({ pid }, { ...act, dryRun: true });
  const [root] = plan.ended;
  if (root === undefined) return plan;
  if (plan.ended.length > 1) await confirm(plan, act, terminal);
  // The tree may have changed while a person read it, but its root must be the same process.
  return zap({ pid, startTicks: root.startTicks }, act);
}

async function confirm(plan: ZapOutcome, { signal, abort }: ZapOptions, terminal: Terminal): Promise<void> {
  const say = sentencesOf(terminal.style.lang).zap;
  terminal.err(zapTree(plan.ended, terminal.style));
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  // The question alone never settles where the input ends.
  const { promise: inputEnded, resolve } = Promise.withResolvers<string>();
  prompt.once("close", () => resolve(""));
  const question = prompt.question(say.ask(plan.ended.length, signal.name), { signal: abort }).catch(() => "");
  const answer = await Promise.race([question, inputEnded]);
  prompt.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new XctlError("failed", say.declined);
}

function zapDocument({ ended, survived, unreaped }: ZapOutcome, act: ZapOptions, say: Sentences): ZapDocument {
  return {
    signal: act.signal.name,
    dry_run: act.dryRun,
    ended: ended.map(({ pid, comm }) => ({ pid, comm })),
    survived: survived.map(({ member: { pid, comm }, state, kind, detail }) => {
      return { pid, comm, state, why: say.zap.because[kind](detail) };
    }),
    ...(unreaped === undefined
      ? {}
      : { unreaped: { pid: unreaped.member.pid, comm: unreaped.member.comm, parent: unreaped.parent } }),
  };
}

const REFUSAL_CODES: Record<RefusalKind, ErrorCode> = {
  no_such_process: "no_such_process",
  reused: "no_such_process",
  thread: "no_such_process",
  init: "not_permitted",
  kernel_thread: "not_permitted",
  self: "not_permitted",
  ancestor: "not_permitted",
  denied: "not_permitted",
  unsupported: "failed",
};

function refusal(refused: ZapRefused, say: Sentences): XctlError {
  const [message, hint] = say.zap.refused[refused.kind](processLabel(refused, say), refused.detail);
  return new XctlError(REFUSAL_CODES[refused.kind], message, hint);
}

function readOptions(options: VerbOptions, say: Sentences): ZapOptions & { signal: Signal } {
  const signal = parseSignal(String(options.signal));
  if (signal === undefined) {
    throw new XctlError("usage", say.zap.badSignal(String(options.signal)), say.zap.badSignalHint);
  }
  const graceMs = readDuration(String(options.grace), GRACE_BOUNDS, say);
  const dryRun = options.dryRun === true;
  if (process.platform === "win32" && (signal !== KILL || graceMs > 0 || dryRun)) {
    throw new XctlError("usage", say.zap.killOnly);
  }
  return { signal, graceMs, dryRun };
}
