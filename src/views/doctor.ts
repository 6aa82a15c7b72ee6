/** `xctl doctor`: what this machine allows as text, with the command that enables what is missing. */
import { printable } from "../lib/text.ts";
import type { DoctorDocument } from "../model/documents.ts";
import { sentencesOf } from "./sentences/index.ts";
import { ink, signs, type Style } from "./style.ts";
import { displayWidth, wrap } from "./width.ts";

export function doctorText({ checks }: DoctorDocument, style: Style): string {
  const say = sentencesOf(style.lang).doctor;
  const { ok: okSign, missing: missingSign } = signs(style);
  const column = Math.max(0, ...checks.map(({ name }) => displayWidth(printable(name)))) + 2;
  const lines: string[] = [];
  for (const { name, ok, detail, enable } of checks) {
    const label = printable(name);
    const sign = ink(style, ok ? okSign : missingSign, ok ? "green" : "red");
    const margin = " ".repeat(column + 2);
    const first = `${sign} ${ink(style, label, "bold")}${" ".repeat(column - displayWidth(label))}`;
    lines.push(...wrap(printable(detail), style.width, first, margin));
    // The command stands on a line of its own and is never broken.
    if (!ok && enable !== null)
      lines.push(...wrap(say.enable, style.width, margin), `${margin}  ${ink(style, printable(enable), "cyan")}`);
  }
  const missing = checks.filter(({ ok }) => !ok).length;
  lines.push("", ...wrap(missing === 0 ? say.allFine : say.someMissing(missing), style.width));
  return lines.join("\n");
}
