/** A root cause as text: the sentence, how sure, what was seen, and what to do with the commands ready to paste. */
import { printable } from "../lib/text.ts";
import type { Advice, RootCause } from "../model/documents.ts";
import { CAUSES, type Risk, type Weight } from "../model/cause.ts";
import type { Sentences } from "./sentences/index.ts";
import { ink, signs, type Ink, type Style } from "./style.ts";
import { wrap } from "./width.ts";

/** Red is for what somebody must act on; a healthy child at work is the end of a chain too. */
export const WEIGHT_INK: Record<Weight, Ink> = { fault: "red", slow: "red", harmless: "cyan", unknown: "yellow" };
const RISK_INK: Record<Risk, Ink> = { safe: "green", disruptive: "yellow", destructive: "red" };

/** The sentence, marked, and what was seen. */
export function causeLines(cause: RootCause, style: Style, say: Sentences): string[] {
  const isFound = cause.kind !== "unknown";
  const label = isFound ? say.why.rootCause : say.why.noRootCause;
  const marker = ink(style, `${signs(style).root} ${label}`, "bold", WEIGHT_INK[CAUSES[cause.kind].weight]);
  const summary = ink(style, printable(cause.summary), "bold");
  const sureness = isFound ? ink(style, surenessOf(cause, say), "dim") : "";
  const lines = wrap(`${marker}${summary}${sureness}`, style.width, "", "  ");
  for (const { source, observed } of cause.evidence) {
    const seen = wrap(`${printable(source)}: ${printable(observed)}`, style.width, "    ", "      ");
    lines.push(...seen.map((line) => ink(style, line, "dim")));
  }
  return lines;
}

/** What to do, step by step; nothing where there is nothing to do. */
export function adviceLines(
  { advice }: Pick<RootCause, "advice">,
  style: Style,
  say: Sentences,
  margin = "",
): string[] {
  if (advice.length === 0) return [];
  const steps = advice.flatMap((step, place) => stepLines(step, place + 1, margin, style, say));
  return [`${margin}${ink(style, say.why.whatToDo, "bold")}`, ...steps];
}

/** In one line, for causes that come second. */
export function causeBrief(cause: RootCause, say: Sentences): string {
  return `${printable(cause.summary)}${surenessOf(cause, say)}`;
}

export function noteLines(title: string, notes: readonly string[], style: Style, ...inks: Ink[]): string[] {
  const { dot } = signs(style);
  const lines = notes.flatMap((note) => wrap(note, style.width, `  ${dot} `, "    "));
  return [
    ink(style, title, ...(inks.length > 0 ? inks : (["bold"] as const))),
    ...lines.map((line) => ink(style, line, ...inks)),
  ];
}

/** The command stands on a line of its own and is never broken, however narrow the terminal. */
function stepLines(
  { text, command, risk }: Advice,
  number: number,
  margin: string,
  style: Style,
  say: Sentences,
): string[] {
  const warning = risk === "safe" ? "" : `  ${ink(style, `[${say.risks[risk]}]`, RISK_INK[risk])}`;
  const lines = wrap(`${printable(text)}${warning}`, style.width, `${margin}  ${number}. `, `${margin}     `);
  return command === null ? lines : [...lines, `${margin}       ${ink(style, printable(command), "cyan")}`];
}

function surenessOf({ confidence, certainty }: RootCause, say: Sentences): string {
  return say.why.sure(Math.round(confidence * 100), certainty === "observed" ? null : say.certainties[certainty]);
}
