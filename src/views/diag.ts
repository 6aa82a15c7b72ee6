/** `xctl diag`: the report as text; and what a model would be sent, for a person to read. It asks nobody. */
import { printable } from "../lib/text.ts";
import { CAUSES, type CauseKind } from "../model/cause.ts";
import type { DiagDocument } from "../model/documents.ts";
import { adviceLines, noteLines, WEIGHT_INK } from "./cause-text.ts";
import { nameOfId } from "./names.ts";
import { sentencesOf, type Sentences } from "./sentences/index.ts";
import { ink, signs, type Style } from "./style.ts";
import { verdictLine } from "./why.ts";
import { wrap } from "./width.ts";

export function diagText(document: DiagDocument, style: Style): string {
  const say = sentencesOf(style.lang);
  const { why, model, explanation, steps, prevention, notes, verified } = document;
  // The rules' explanation begins with the verdict itself.
  const lines = model === null ? [] : [...wrap(verdictLine(why, style, say), style.width), ""];
  if (!verified) lines.push(...wrap(ink(style, say.diag.notVerified, "bold", "yellow"), style.width), "");
  lines.push(...wrap(rootCauseLine(document, style, say), style.width, "", "  "));
  lines.push("", ...wrap(printable(explanation), style.width, "  "));
  if (steps.length > 0) lines.push("", ...adviceLines({ advice: steps }, style, say));
  if (prevention.length > 0) lines.push("", ...noteLines(say.diag.prevention, prevention.map(printable), style));
  if (notes.length > 0) lines.push("", ...noteLines(say.diag.notes, notes.map(printable), style, "yellow"));
  lines.push("", ...foot(document, style, say));
  return lines.join("\n");
}

/** The kind; before a model's own words come the evidence's. */
function rootCauseLine({ root_cause: kind, confidence, why, model }: DiagDocument, style: Style, say: Sentences) {
  const found = model === null ? undefined : why.root_causes.find((cause) => cause.kind === kind);
  const { root } = signs(style);
  const label = kind === "unknown" ? say.diag.notFound : `${say.why.rootCause}${kind}`;
  const marker = ink(style, `${root} ${label}`, "bold", inkOf(kind));
  const sure = kind === "unknown" ? "" : ink(style, say.why.sure(Math.round(confidence * 100), null), "dim");
  return found === undefined ? `${marker}${sure}` : `${marker}${sure}: ${ink(style, printable(found.summary), "bold")}`;
}

function inkOf(kind: CauseKind) {
  return WEIGHT_INK[CAUSES[kind].weight];
}

/** What the report rests on, who speaks, and what it cost. */
function foot({ cited, why, provider, model, usage }: DiagDocument, style: Style, say: Sentences): string[] {
  const lines: string[] = [];
  if (cited.length > 0) {
    const names = cited.map((id) => nameOfId(id, why.names, say)).join(", ");
    lines.push(say.why.labelled(say.diag.basedOn, names));
  }
  const speaker = model === null ? say.diag.fromRules : say.diag.from(provider, printable(model));
  const tokens = say.diag.tokens(usage.input_tokens, usage.output_tokens);
  const cost = usage.cost_usd === null ? say.diag.costUnknown : say.diag.cost(dollars(usage.cost_usd));
  const wasAsked = usage.input_tokens + usage.output_tokens > 0;
  lines.push(wasAsked ? say.diag.spent(model === null ? say.diag.fromRulesInstead : speaker, tokens, cost) : speaker);
  return lines.flatMap((line) => wrap(line, style.width)).map((line) => ink(style, line, "dim"));
}

/** Two digits that count: a call costs a fraction of a cent. */
function dollars(usd: number): string {
  return usd === 0 ? "0" : usd >= 0.1 ? usd.toFixed(2) : String(Number(usd.toPrecision(2)));
}

/** A request's address and body, the long texts in it as they read. Everything in the body is shown. */
export function requestText(url: string, body: Record<string, unknown>, style: Style): string {
  const texts: [string, string][] = [];
  const lines = [`POST ${printable(url)}`];
  for (const [name, value] of Object.entries(body)) {
    if (name === "system") texts.push(["system", proseOf(value)]);
    else if (name === "messages" && Array.isArray(value)) {
      for (const { role, content } of value as { role: string; content: unknown }[])
        texts.push([role, proseOf(content)]);
    } else lines.push(printable(`${name}: ${JSON.stringify(value)}`));
  }
  return [lines.join("\n"), ...texts.map(([role, text]) => promptPart(role, text, style))].join("\n\n");
}

/** The part of a prompt that a role speaks. */
export function promptPart(role: string, text: string, style: Style): string {
  const shown = text.split("\n").map(printable).join("\n");
  return `${ink(style, `--- ${printable(role)} ---`, "bold")}\n${shown}`;
}

/** A message's content is a text, or blocks of text. */
function proseOf(content: unknown): string {
  if (typeof content === "string") return content;
  const blocks = Array.isArray(content) ? (content as { type?: unknown; text?: unknown }[]) : [];
  const isProse = blocks.length > 0 && blocks.every(({ type, text }) => type === "text" && typeof text === "string");
  return isProse ? blocks.map(({ text }) => text as string).join("\n") : JSON.stringify(content);
}
