/**
 * What goes to an agent: documents that are masked and small. Whatever a machine has to tell, an agent's context has
 * room for some of it; what comes first in a list matters most, and what is left out is counted.
 */
import { printable } from "../../lib/text.ts";
import { textsOf } from "../case-file.ts";
import { Mask, type Masking } from "../masked.ts";
import { Redactor } from "../redact/redactor.ts";

/** `none`: what the user sees is what the agent gets. */
export type Redaction = "normal" | "strict" | "none";

/** Of a document as JSON. A token is three bytes or more, and agents refuse answers of more than 25,000 tokens. */
export const MAX_DOCUMENT_BYTES = 40 * 1024;
export const MAX_TEXT_BYTES = 10 * 1024;

/** Masking takes a second for 3 MB; and twice what is shown is enough to see what is in it. */
const MAX_SOURCE_TEXT = 1024;
const MAX_SOURCE = 512 * 1024;

/** The longest text in a document; where even one entry does not fit, the shorter. */
const BOUNDS = [512, 128] as const;

export class Fitting {
  readonly #redaction: Redaction;

  constructor(redaction: Redaction) {
    this.#redaction = redaction;
  }

  /** The largest that `make` makes, with at most `most` entries in each list; `source` is all that it is made of. */
  fit<T>(source: unknown, most: number, make: (mask: Mask, count: number) => T): T {
    const masking = this.#masking(source);
    let made: T | undefined;
    for (const bound of BOUNDS) {
      const mask = new Mask(masking, bound);
      for (let count = most; count >= 1; count = Math.floor(count * 0.8)) {
        made = make(mask, count);
        if (Buffer.byteLength(JSON.stringify(made)) <= MAX_DOCUMENT_BYTES) return made;
      }
    }
    return made as T;
  }

  /** A text by itself. */
  line(text: string): string {
    return new Mask(this.#masking(text), 1024).text(text);
  }

  /** One document's: the same piece gets the same placeholder within it. */
  #masking(source: unknown): Masking {
    if (this.#redaction === "none") return thrifty(PLAIN);
    const redactor = new Redactor({ strict: this.#redaction === "strict" });
    for (const host of new Set(hostsOf(source))) redactor.learnHost(beginningOf(host));
    let room = MAX_SOURCE;
    for (const whole of new Set(textsOf(source))) {
      const text = beginningOf(whole);
      room -= text.length;
      if (room < 0) break;
      redactor.learn(text);
    }
    return thrifty(redactor);
  }
}

const PLAIN: Masking = { text: printable, host: printable, secret: printable };

/** Each text is looked at once, and no more of it than can be shown. */
function thrifty(masking: Masking): Masking {
  return {
    text: once((text) => masking.text(text)),
    host: once((name) => masking.host(name)),
    secret: once((value) => masking.secret(value)),
  };
}

function once(mask: (text: string) => string): (text: string) => string {
  const known = new Map<string, string>();
  return (whole) => {
    let masked = known.get(whole);
    if (masked === undefined) known.set(whole, (masked = mask(beginningOf(whole))));
    return masked;
  };
}

/** Up to the end of a word, for half a secret has no shape. */
function beginningOf(text: string): string {
  return text.length <= MAX_SOURCE_TEXT ? text : `${text.slice(0, text.lastIndexOf(" ", MAX_SOURCE_TEXT) + 1)}…`;
}

/** The first of them, as many as there could be room for: more need not be looked at. */
export function affordable<T>(list: readonly T[]): T[] {
  let room = MAX_SOURCE / 2;
  const end = list.findIndex((item) => {
    for (const text of textsOf(item)) room -= Math.min(text.length, MAX_SOURCE_TEXT);
    return room < 0;
  });
  return end < 0 ? [...list] : list.slice(0, Math.max(end, 1));
}

/** Whole lines. `more` says that there are some. */
export function firstLines(text: string, more: (lines: number) => string): string {
  const lines = text.split("\n");
  let bytes = 0;
  const count = lines.findIndex((line) => (bytes += Buffer.byteLength(line) + 1) > MAX_TEXT_BYTES);
  return count < 0 ? text : [...lines.slice(0, count), more(lines.length - count)].join("\n");
}

/** The first and the last of them, where there are too many: a chain's two ends tell the most. */
export function ends<T>(list: readonly T[], count: number): T[] {
  if (list.length <= count) return [...list];
  const last = Math.floor(count / 2);
  return [...list.slice(0, count - last), ...list.slice(list.length - last)];
}

function* hostsOf(value: unknown): Generator<string> {
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === "node" && typeof inner === "string") yield inner;
    else yield* hostsOf(inner);
  }
}
