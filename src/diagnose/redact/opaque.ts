/**
 * Whether a word was made by a random generator or by a person. Letters that people put together follow each other in
 * few ways; in random text of 62 characters most neighbours are an unlikely pair.
 */

/** The letters that often follow each letter, in English and in the names of programs, modules and devices. */
const FOLLOWERS: Record<string, string> = {
  a: "bcdefgiklmnpqrstuvwxyz",
  b: "abceijlorstuy",
  c: "acehiklmoprstuy",
  d: "abdegilmnorsuvy",
  e: "abcdefgilmnopqrstuvwxy",
  f: "aefilorstu",
  g: "aeghilnoprsuz",
  h: "aeiortuy",
  i: "abcdefgklmnopqrstuvxz",
  j: "aeopsu",
  k: "aeilnosuw",
  l: "abcdefgiklmopstuvy",
  m: "abeimnopstuy",
  n: "acdefgiklnopstuvxy",
  o: "abcdefgiklmnoprstuvwxy",
  p: "aehilmoprstuy",
  q: "lu",
  r: "abcdefgiklmnopqrstuvyz",
  s: "acdehiklmnopqstuvwxy",
  t: "acehiloprstuwxyz",
  u: "abcdegilmnprstvxz",
  v: "aeiloru",
  w: "aehilnors",
  x: "aceiptfy",
  y: "aelmnopst",
  z: "aeioz",
};

const HEX = /^(?:[0-9a-f]+|[0-9A-F]+)$/;
/** 64 bits and less are an address in memory, a trace id, a cookie of the kernel. */
const MIN_HEX = 20;
const MIN_LENGTH = 16;
const LONG = 20;
/** As functions of the kernel are called: `__x64_sys_getdents64`. */
const SNAKE = /^[a-z\d]*(?:_+[a-z\d]+)+$/;
/** Names have many short parts, base64url has few marks. */
const MIN_PIECE = 8;

/** A hash, or a key: which of them, only what stands around it tells. Digits alone are a time, a size or an inode. */
export function isHexKey(word: string): boolean {
  return word.length >= MIN_HEX && HEX.test(word) && /[a-f]/i.test(word) && /\d/.test(word);
}

/** Of letters, digits and the marks of base64 and base64url; not of a path. */
export function isOpaque(word: string): boolean {
  const body = word.replace(/=+$/, "");
  if (body.length < MIN_LENGTH) return false;
  if (HEX.test(body)) return isHexKey(body);
  const pieces = body.split(/[^A-Za-z0-9]+/);
  if (SNAKE.test(body)) return pieces.some(isOpaque);
  if (!pieces.some((piece) => piece.length >= MIN_PIECE)) return false;
  return unlikelihood(pieces) > thresholdFor(body);
}

/**
 * Of 240,000 names of files, kernel functions and packages 5 in 1,000 lie above, hashes left aside; of random words of
 * 20 characters in base62 5 in 1,000 lie below.
 */
function thresholdFor(body: string): number {
  const hasDigit = /\d/.test(body);
  const isMixed = hasDigit && /[a-z]/.test(body) && /[A-Z]/.test(body);
  if (body.length < LONG) return isMixed ? 0.3 : hasDigit ? 0.4 : Infinity;
  return isMixed ? 0.2 : hasDigit ? 0.24 : 0.34;
}

/** 0 for a word of a language, about 0.6 for a random one. */
function unlikelihood(pieces: readonly string[]): number {
  let sum = 0;
  let pairs = 0;
  for (const piece of pieces) {
    for (let at = 1; at < piece.length; at++) {
      sum += unlikely(piece.charAt(at - 1), piece.charAt(at));
      pairs++;
    }
  }
  return pairs === 0 ? 0 : sum / pairs;
}

function unlikely(first: string, second: string): number {
  const [from, to] = [first.toLowerCase(), second.toLowerCase()];
  const followers = FOLLOWERS[from];
  if (followers === undefined || !Object.hasOwn(FOLLOWERS, to)) {
    return followers === undefined && !Object.hasOwn(FOLLOWERS, to) ? 0 : LETTER_BESIDE_DIGIT;
  }
  if (from === first && to !== second) return CAPITAL_IN_WORD;
  return followers.includes(to) ? 0 : 1;
}

const LETTER_BESIDE_DIGIT = 0.6;
/** Where the next word of a name begins. */
const CAPITAL_IN_WORD = 0.5;
