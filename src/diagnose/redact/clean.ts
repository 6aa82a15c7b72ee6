/** Text without what a reader cannot see: terminal escapes, control characters, marks that hide or reorder. */

/** ECMA-48: a control sequence, or an operating system command up to its end. */
// oxlint-disable-next-line no-control-regex
const ESCAPES = /\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)/g;

/**
 * Format characters (bidi controls, zero-width, tags), lone surrogates, private use, variation selectors and fillers
 * that are drawn as nothing. They go without a trace: a mark in their place would cut a secret in two, of which only
 * one half has the shape.
 */
export const HIDDEN = /[\p{Cf}\p{Cs}\p{Co}\p{Default_Ignorable_Code_Point}\u2800]/gu;

const SPACES = /[\p{Cc}\p{Z}]+/gu;

/** One line, of what can be seen. */
export function clean(text: string): string {
  return text.replace(ESCAPES, "").replace(HIDDEN, "").replace(SPACES, " ").trim();
}
