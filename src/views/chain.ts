/** The chain of a `why` answer as an indented tree: who waits, for what, and who has that. */
import { printable } from "../lib/text.ts";
import type { Hop } from "../model/documents.ts";
import { readProcessId } from "../model/entity.ts";
import { isWorthNaming, nameOfId, roleWord, waitWords } from "./names.ts";
import type { Sentences } from "./sentences/index.ts";
import { ink, signs, type Style } from "./style.ts";
import { displayWidth, wrap } from "./width.ts";

const INDENT = 3;
/** Of the terminal: a long chain goes no further to the right. */
const MAX_INDENT_SHARE = 1 / 3;
const CHILD_WAITS: ReadonlySet<string> = new Set(["child", "vfork"]);

/** Two lines a hop: what the one waits for, under it who has that. */
export function chainLines(
  chain: readonly Hop[],
  names: Readonly<Record<string, string>>,
  style: Style,
  say: Sentences,
): string[] {
  const { line, branch, again } = signs(style);
  const lines: string[] = [];
  const shown = new Set<string>();
  let level = 0;

  const write = (text: string, first: string, rest: string) => {
    const margin = " ".repeat(Math.min(level * INDENT, Math.floor(style.width * MAX_INDENT_SHARE)));
    lines.push(...wrap(text, style.width, margin + first, margin + rest));
  };
  const descend = (label: string, text: string, hop: Hop) => {
    const bold = ink(style, text, "bold");
    const first = `${branch} `;
    const told = label === "" ? bold : say.why.labelled(label, bold);
    write(told + doubt(hop, style, say), first, " ".repeat(displayWidth(first)));
    level++;
  };
  const enter = (id: string, role: string, hop: Hop) => {
    const circle = shown.has(id) ? `  ${again} ${say.closesCircle}` : "";
    shown.add(id);
    descend(role, nameOfId(id, names, say) + circle, hop);
  };

  const start = chain[0]?.from;
  if (start === undefined) return lines;
  shown.add(start);
  write(ink(style, nameOfId(start, names, say), "bold"), "", "");
  for (const [place, hop] of chain.entries()) {
    const to = threadOf(hop.to, chain[place + 1]?.from);
    if (hop.edge === "held_by") {
      enter(to, roleWord(hop.detail, say), hop);
    } else if (hop.edge === "blocked_by") {
      descend(say.error, printable(hop.detail), hop);
    } else {
      const verb = hop.edge === "consumes" ? say.uses : waitWords(hop.detail, say);
      // Who waits for a process as such has nothing between itself and that process.
      const isProcess = readProcessId(hop.to) !== undefined;
      write(verb + (isProcess ? "" : thing(hop, style) + doubt(hop, style, say)), `${line} `, `${line}   `);
      if (isProcess) enter(to, CHILD_WAITS.has(hop.detail) ? roleWord("child", say) : "", hop);
    }
  }
  return lines;
}

/** What is waited for, as a person calls it and as `ps` and `events` do. */
function thing({ to, edge, label }: Hop, style: Style): string {
  const called = label === undefined ? [] : [label];
  const ids = edge === "consumes" || isWorthNaming(to) ? [to] : [];
  return [...called, ...ids].map((text) => `  ${ink(style, printable(text), "cyan")}`).join("");
}

/** The holder's thread, where it is a thread that goes on to wait. */
function threadOf(id: string, next: string | undefined): string {
  return next !== undefined && next.startsWith(`${id}/tid-`) ? next : id;
}

/** Said only where it is not certain. */
function doubt({ certainty }: Hop, style: Style, say: Sentences): string {
  return certainty === "observed" ? "" : `  ${ink(style, `(${say.certainties[certainty]})`, "yellow")}`;
}
