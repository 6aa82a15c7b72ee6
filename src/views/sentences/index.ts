/** The sentences in the reader's language. */
import type { Lang } from "../language.ts";
import { en, type Sentences } from "./en.ts";
import { zh } from "./zh.ts";

export type { Sentences };

const CATALOGUES: Record<Lang, Sentences> = { en, zh };

export function sentencesOf(lang: Lang): Sentences {
  return CATALOGUES[lang];
}

/** A word of a vocabulary that may grow: undefined where the catalogue has none. The key may be any text. */
export function wordFor(words: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(words, key) ? words[key] : undefined;
}
