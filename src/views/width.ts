/** How many columns text takes on a terminal, and how it is cut and wrapped. Our own colour codes take none. */

// oxlint-disable-next-line no-control-regex
const SGR = /\u001b\[\d+m/g;

/** Unicode TR 11: Wide and Fullwidth; emoji are drawn wide too. */
const WIDE_CLASS =
  "\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3" +
  "\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}" +
  "\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}\\p{Emoji_Presentation}";
const WIDE = new RegExp(`[${WIDE_CLASS}]`, "u");
/** Marks are drawn over the character before them. */
const MARK = /\p{Mn}|\p{Me}/u;
/** Kinsoku: these do not begin a line, */
const CLOSING = "，。：；、？！）》」』】”’,.:;)";
/** and these do not end one. */
const OPENING = "（《「『【“‘([";
/** What stays on one line: our codes, blanks, a wide character or a run of narrow ones, with the brackets around it. */
const PIECES = new RegExp(
  `(?:\\u001b\\[\\d+m)+|[^\\S\\n]+|[${OPENING.replace("[", "\\[")}]*[${WIDE_CLASS}][${CLOSING}]*|[^\\s\\u001b${WIDE_CLASS}]+[${CLOSING}]*`,
  "gu",
);
/** Narrower than this nothing can be laid out. */
const MIN_COLUMNS = 12;

export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text.replace(SGR, "")) width += columnsOf(character);
  return width;
}

/** The text in at most `width` columns, `more` at its end where some is left out. Not for text with colour codes. */
export function cut(text: string, width: number, more: string): string {
  // No character takes less than nothing or more than two columns.
  if (text.length * 2 <= width || displayWidth(text) <= width) return text;
  const room = Math.max(width - displayWidth(more), 0);
  const end = more.length <= width ? more : "";
  return takeColumns(text, room) + end;
}

/** The lines of one paragraph: `first` before the first, `rest` before the others. Chinese breaks between characters. */
export function wrap(text: string, width: number, first = "", rest = first): string[] {
  const room = Math.max(width - Math.max(displayWidth(first), displayWidth(rest)), MIN_COLUMNS);
  const lines: string[] = [];
  let line = "";
  let used = 0;
  let blank = "";
  for (const [piece] of text.matchAll(PIECES)) {
    if (piece.startsWith("\u001b")) {
      line += blank + piece;
      used += blank.length;
      blank = "";
    } else if (piece.trim() === "") {
      blank = used === 0 ? "" : " ".repeat(piece.length);
    } else {
      for (const part of partsOf(piece, room)) {
        const columns = displayWidth(part);
        if (used > 0 && used + blank.length + columns > room) {
          lines.push(line.trimEnd());
          line = "";
          used = 0;
          blank = "";
        }
        line += blank + part;
        used += blank.length + columns;
        blank = "";
      }
    }
  }
  lines.push(line.trimEnd());
  return lines.map((content, place) => (place === 0 ? first : rest) + content);
}

/** A piece longer than a line is broken anywhere. */
function partsOf(piece: string, room: number): string[] {
  if (displayWidth(piece) <= room) return [piece];
  const parts: string[] = [];
  for (let left = piece; left !== "";) {
    const part = takeColumns(left, room);
    parts.push(part);
    left = left.slice(part.length);
  }
  return parts;
}

function takeColumns(text: string, columns: number): string {
  let used = 0;
  let end = 0;
  for (const character of text) {
    used += columnsOf(character);
    if (used > columns) break;
    end += character.length;
  }
  return text.slice(0, end);
}

function columnsOf(character: string): number {
  const code = character.charCodeAt(0);
  if (code < 0x300) return 1;
  if (MARK.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
