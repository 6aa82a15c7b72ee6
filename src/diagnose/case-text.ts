/** A case as the model reads it, and what that costs. */
import type { CaseFile } from "./case.ts";
import { HIDDEN } from "./redact/clean.ts";

/**
 * JSON on one line, so that nothing in it can look like a line of ours. `<` and names in brackets begin the marks by
 * which chat templates tell speakers apart; escaped, they are the same JSON and no such mark.
 */
export function caseText(file: CaseFile): string {
  return JSON.stringify(file)
    .replaceAll("<", "\\u003c")
    .replace(/\[(?=\/?[A-Z]{2})/g, "\\u005b")
    .replace(HIDDEN, escaped);
}

/** Rather too many: JSON of ids and numbers has about three characters a token, Chinese one. */
export function roughTokens(text: string): number {
  const wide = text.replace(ASCII, "").length;
  return Math.ceil((text.length - wide) / 3) + wide;
}

// oxlint-disable-next-line no-control-regex
const ASCII = /[\u0000-\u007f]+/g;

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}
