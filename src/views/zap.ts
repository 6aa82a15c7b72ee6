/** What `zap` shows: its answer and the tree that it asks about. It prints nothing and asks nobody. */
import { printable } from "../lib/text.ts";
import type { ZapDocument } from "../model/documents.ts";
import { sentencesOf, type Sentences } from "./sentences/index.ts";
import { ink, signs, type Style } from "./style.ts";

/** A question shows at most this many processes of the tree. */
const MAX_TREE_LINES = 40;

export interface NamedProcess {
  pid: number;
  comm: string;
}

/** `ends` is false for a signal like STOP, which is delivered but ends nobody. */
export function zapText(document: ZapDocument, style: Style, ends: boolean): string {
  const say = sentencesOf(style.lang);
  const { ended, survived, signal, unreaped } = document;
  const lines: string[] = [];
  if (ended.length > 0) {
    lines.push((document.dry_run ? say.zap.wouldEnd : say.zap.ended)(ended.length, signal));
    for (const process of ended) lines.push(`  ${processLabel(process, say)}`);
  }
  if (survived.length > 0 && ends) {
    lines.push(ink(style, say.zap.survived(survived.length), "bold", "red"));
    for (const process of survived) lines.push(`  ${processLabel(process, say)}: ${printable(process.why)}`);
  } else if (survived.length > 0) {
    lines.push(say.zap.delivered(survived.length, signal));
    for (const process of survived) lines.push(`  ${processLabel(process, say)}`);
  }
  if (unreaped !== undefined) {
    lines.push(say.zap.unreaped(processLabel(unreaped, say), processLabel(unreaped.parent, say)));
  }
  return lines.length === 0 ? say.zap.nothing : lines.join("\n");
}

/** The tree that a question is about, the root first; whose parent is not in it stands under the root. */
export function zapTree(members: readonly (NamedProcess & { ppid: number })[], style: Style): string {
  const [root] = members;
  if (root === undefined) return "";
  const say = sentencesOf(style.lang);
  const [fork, end, line] = style.unicode ? ["├─", "└─", "│ "] : ["|-", "`-", "| "];
  const pids = new Set(members.map(({ pid }) => pid));
  const children = Map.groupBy(members.slice(1), ({ ppid }) => (pids.has(ppid) ? ppid : root.pid));
  const lines = [ink(style, processLabel(root, say), "bold")];
  const draw = (pid: number, indent: string): void => {
    const below = children.get(pid) ?? [];
    for (const [index, child] of below.entries()) {
      if (lines.length >= MAX_TREE_LINES) return;
      const isLast = index === below.length - 1;
      lines.push(`${indent}${isLast ? end : fork} ${processLabel(child, say)}`);
      draw(child.pid, `${indent}${isLast ? "  " : line} `);
    }
  };
  draw(root.pid, "");
  const left = members.length - lines.length;
  if (left > 0) lines.push(`${signs(style).more} ${say.why.andMore(left)}`);
  return lines.join("\n");
}

export function processLabel({ pid, comm }: NamedProcess, say: Sentences): string {
  return say.names.process(printable(comm), pid);
}
