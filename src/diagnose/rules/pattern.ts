/** Patterns of rules: plain words with `*` and `?`. There are no regular expressions, so none can take for ever. */

/** Of a text, so much is looked at: a pattern of p characters takes at most p × this many steps. */
const MAX_TEXT = 4096;
const MAX_WORDS = 512;

export function matchesAny(patterns: readonly string[], text: string): boolean {
  const lower = text.slice(0, MAX_TEXT).toLowerCase();
  return patterns.some((pattern) => matches(pattern.toLowerCase(), lower));
}

/** Whether a word of the command line, or the last part of a path in it, matches; or the whole line. */
export function matchesCommandLine(patterns: readonly string[], line: string): boolean {
  const words = line.slice(0, MAX_TEXT).split(" ", MAX_WORDS);
  const names = words.map((word) => word.slice(word.lastIndexOf("/") + 1));
  return patterns.some((pattern) =>
    pattern.includes(" ")
      ? matchesAny([pattern], line)
      : [...words, ...names].some((word) => word !== "" && matchesAny([pattern], word)),
  );
}

export function isPlain(pattern: string): boolean {
  return !/[*?]/.test(pattern);
}

/** Goes back to the last star only: what an earlier one took needs never be taken back. */
function matches(pattern: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let place = 0; place < text.length;) {
    if (at < pattern.length && pattern[at] === "*") {
      star = at++;
      resume = place;
    } else if (at < pattern.length && (pattern[at] === "?" || pattern[at] === text[place])) {
      at++;
      place++;
    } else if (star >= 0) {
      at = star + 1;
      place = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}
