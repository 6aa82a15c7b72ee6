/** Hostile text made harmless. Process names, command lines, probe lines and file names may hold anything. */

// C0, DEL, C1, and the marks that reorder or hide text (bidi controls, zero-width, line and paragraph separators).
// oxlint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** JSON that says the same and is safe on a terminal: JSON itself only escapes C0, and only within texts. */
export function harmlessJson(json: string): string {
  return json.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The text with every character that could move a cursor, colour, reorder or hide replaced by a visible `?`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, "?");
}
