/**
 * Masks what must not leave the machine, in every text of one case: the same piece gets the same placeholder wherever
 * it stands, so that a chain through masked addresses can still be read, and what is said of it be told to the user.
 */
import { accounts } from "./accounts.ts";
import { assignments } from "./assignments.ts";
import { clean } from "./clean.ts";
import { given } from "./given.ts";
import { headers } from "./headers.ts";
import { programOptions } from "./options.ts";
import { people } from "./people.ts";
import { addresses, domains, namedHosts } from "./places.ts";
import { positions } from "./positions.ts";
import { randomWords } from "./random-words.ts";
import { merged, PLACEHOLDER, type Detector, type MaskKind, type Span } from "./span.ts";
import { told } from "./told.ts";
import { tokenShapes } from "./token-shapes.ts";
import { urls } from "./urls.ts";

const ALWAYS: readonly Detector[] = [
  ...[tokenShapes, headers, urls, assignments, told, given, accounts, programOptions, positions, randomWords, people],
];
const STRICT: readonly Detector[] = [addresses, domains];

/** Longer than any line of an event; what is beyond is dropped before it is looked at. */
const MAX_TEXT = 64 * 1024;
/** What one round masks may uncover another piece; a text that never settles is masked whole. */
const MAX_ROUNDS = 8;
/** Each is looked for in every text. */
const MAX_LEARNED = 256;
const MAX_KEPT = 4096;
const MAX_KEPT_LENGTH = 4096;

export class Redactor {
  readonly #detectors: readonly Detector[];
  readonly #isStrict: boolean;
  readonly #placeholders = new Map<string, string>();
  readonly #originals = new Map<string, string>();
  readonly #counts = new Map<MaskKind, number>();
  readonly #learned = new Map<string, MaskKind>();
  /** The same names and ids come again and again. */
  readonly #texts = new Map<string, string>();
  #anyLearned: RegExp | undefined;

  constructor({ strict }: { strict: boolean }) {
    this.#isStrict = strict;
    this.#detectors = [...(strict ? [...ALWAYS, ...STRICT] : ALWAYS), (text) => this.#knownPieces(text)];
  }

  /** Takes note of the secrets and hosts of a text: where they stand elsewhere, nothing may show what they are. */
  learn(text: string): void {
    const line = bounded(clean(text));
    for (const { start, end, kind } of this.#spansOf(line)) {
      const piece = line.slice(start, end).replace(/^\\?["']|["',;]+$/g, "");
      if (kind === "secret" && isTelling(piece)) this.#know(piece, kind);
    }
    if (this.#isStrict) for (const host of namedHosts(line)) this.learnHost(host);
  }

  learnHost(name: string): void {
    const host = clean(name);
    if (!this.#isStrict || !isName(host)) return;
    this.#know(host, "host");
    const [first = ""] = host.split(".", 1);
    if (first !== host && isName(first)) this.#know(first, "host");
  }

  /** A host's name by itself: masked on strict even where it is a word that cannot be masked elsewhere. */
  host(name: string): string {
    const host = clean(name);
    const isMasked = host !== "" && this.#isStrict && host.replace(PLACEHOLDER, "") !== "" && host !== "localhost";
    return isMasked ? this.#placeholder(bounded(host), "host") : this.text(host);
  }

  /** A value that something beside it calls a secret. */
  secret(value: string): string {
    const line = bounded(clean(value));
    return line.replace(PLACEHOLDER, "") === "" ? line : this.#placeholder(line, "secret");
  }

  /** One printable line without anything that must not leave. Idempotent; never throws; in time linear in its length. */
  text(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    const masked = this.#settled(text);
    if (this.#texts.size < MAX_KEPT && text.length <= MAX_KEPT_LENGTH) this.#texts.set(text, masked);
    return masked;
  }

  #settled(text: string): string {
    let line = bounded(clean(text));
    for (let round = 0; round < MAX_ROUNDS; round++) {
      // A placeholder may be longer than what it stands for.
      const masked = bounded(this.#mask(line));
      if (masked === line) return line;
      line = masked;
    }
    return this.#placeholder(line, "secret");
  }

  /** What a report says, with the names the user knows; secrets stay masked. */
  restore(text: string): string {
    return text.replace(PLACEHOLDER, (placeholder) => this.#originals.get(placeholder) ?? placeholder);
  }

  #mask(line: string): string {
    let masked = "";
    let from = 0;
    for (const { start, end, kind } of this.#spansOf(line)) {
      masked += line.slice(from, start) + this.#placeholder(line.slice(start, end), kind);
      from = end;
    }
    return masked + line.slice(from);
  }

  /** Placeholders are never cut, and never masked again. */
  #spansOf(line: string): Span[] {
    const found = merged(this.#detectors.flatMap((detect) => detect(line)));
    if (!line.includes("[")) return found;
    return merged(widened(found, line)).filter(({ start, end }) => {
      const unmasked = line.slice(start, end).replace(PLACEHOLDER, "");
      return /[\p{L}\p{N}]/u.test(unmasked);
    });
  }

  #placeholder(piece: string, kind: MaskKind): string {
    const key = `${kind}:${kind === "secret" || kind === "home" ? piece : piece.toLowerCase()}`;
    const known = this.#placeholders.get(key);
    if (known !== undefined) return known;
    const number = (this.#counts.get(kind) ?? 0) + 1;
    const placeholder = `[${kind}-${number}]`;
    this.#counts.set(kind, number);
    this.#placeholders.set(key, placeholder);
    if (kind !== "secret") this.#originals.set(placeholder, piece);
    return placeholder;
  }

  #know(piece: string, kind: MaskKind): void {
    if (this.#learned.size >= MAX_LEARNED || this.#learned.has(piece.toLowerCase())) return;
    this.#learned.set(piece.toLowerCase(), kind);
    this.#anyLearned = undefined;
    this.#texts.clear();
  }

  #knownPieces(line: string): Span[] {
    if (this.#learned.size === 0) return [];
    this.#anyLearned ??= anyOf(this.#learned);
    return Array.from(line.matchAll(this.#anyLearned), ({ 0: piece, index }) => ({
      start: index,
      end: index + piece.length,
      kind: this.#learned.get(piece.toLowerCase()) ?? "secret",
    }));
  }
}

/** Within other letters too, but a host's name is a word of its own. The longest first, so that none is cut short. */
function anyOf(learned: ReadonlyMap<string, MaskKind>): RegExp {
  const sorted = [...learned].toSorted(([a], [b]) => b.length - a.length);
  const of = (isHost: boolean) =>
    sorted.filter(([, kind]) => (kind === "host") === isHost).map(([piece]) => RegExp.escape(piece));
  const secrets = of(false).map((piece) => `|${piece}`);
  return new RegExp(
    `(?<![\\p{L}\\p{N}])(?:${of(true).join("|") || "(?!)"})(?![\\p{L}\\p{N}])${secrets.join("")}`,
    "giu",
  );
}

/** Its last word may be half a secret, which has no shape. */
function bounded(line: string): string {
  return line.length <= MAX_TEXT ? line : line.slice(0, line.lastIndexOf(" ", MAX_TEXT) + 1).trimEnd();
}

/** Both in the order of the text, so each is passed once. */
function widened(spans: readonly Span[], line: string): Span[] {
  const masks = Array.from(line.matchAll(PLACEHOLDER), ({ 0: whole, index }) => ({ index, end: index + whole.length }));
  let next = 0;
  return spans.map((span) => {
    const wide = { ...span };
    while ((masks[next]?.end ?? Infinity) <= span.start) next++;
    for (let at = next; (masks[at]?.index ?? Infinity) < span.end; at++) {
      wide.start = Math.min(wide.start, masks[at]?.index ?? wide.start);
      wide.end = Math.max(wide.end, masks[at]?.end ?? wide.end);
    }
    return wide;
  });
}

/** `postgres` is a password too, but as a word it says nothing, and is needed. */
function isTelling(piece: string): boolean {
  const kinds = [/\p{Ll}/u, /\p{Lu}/u, /\p{N}/u, /[^\p{L}\p{N}]/u].filter((kind) => kind.test(piece));
  const isId = /^(?:[\w.-]+\/)?[pt]id-\d+|^\[[a-z]+-\d+\]$/.test(piece);
  return piece.length >= MIN_TELLING && piece.length <= MAX_TELLING && kinds.length >= 2 && !isId;
}

const MIN_TELLING = 8;
const MAX_TELLING = 512;

/** A name that could as well be another word is only masked where it stands for a host. */
function isName(host: string): boolean {
  const isWord = /^[a-z]+$/i.test(host) && (host.length < 4 || WORDS.has(host.toLowerCase()));
  return host.length >= 3 && host.length <= 253 && /[A-Za-z]/.test(host) && !isWord;
}

const WORDS: ReadonlySet<string> = new Set(
  (
    "localhost node host server client worker master slave leader main linux ubuntu debian python python3 java docker root " +
    "user admin data disk nvme block pipe lock futex socket unix local remote backup gpu cpu memory network storage " +
    "process kernel state test build home proc xctl"
  ).split(" "),
);
