/** Whether a sentence goes on after "password", so that what follows is a word about it and not the password. */
import { isAbout } from "./names.ts";

/** What is said of it: `password is wrong`. */
const NEWS: ReadonlySet<string> = new Set(
  (
    "valid invalid correct incorrect set unset wrong missing expired required empty needed known unknown refused rejected denied " +
    "revoked lost found used unused created read sent given changed unchanged accepted ok bad too a the being stale not"
  ).split(" "),
);

/** What it is part of, and how a sentence goes on: `password policy`, `secret store`, `passwd for`. */
const PARTS: ReadonlySet<string> = new Set(
  (
    "ability access again age ages agent an and are as at auth authentication backend base64 be before bucket bus but by cache " +
    "callback can cannot change check checks could db database dialog does entry env engine error exist exists failed failure " +
    "fallback field for from generator generic grant group had has hash hasher helper history if in input into is key keys last " +
    "login logins manager may mismatch must never no now of on only option or page param params parameter plugin protect provider " +
    "quality request requests reset ring recovery rule rules server should state sequence storage string support that these this " +
    "those throughput to try until update use username using utility vault via was were when which while will with without would " +
    "you your"
  ).split(" "),
);

export function isNews(text: string, start: number): boolean {
  return NEWS.has(wordAt(text, start));
}

export function isSentence(text: string, start: number): boolean {
  const word = wordAt(text, start);
  return NEWS.has(word) || PARTS.has(word) || isAbout(word) || /^[a-z]{4,}(?:ing|ed|ation)$/.test(word);
}

/** Empty where it goes on with a mark, as passwords do: `correct-horse`, `a(b`. */
function wordAt(text: string, start: number): string {
  const [word = ""] = /^[A-Za-z\d]+(?=[\s.,;:!?"')\]]|$)/.exec(text.slice(start, start + MAX_WORD)) ?? [];
  return word.toLowerCase();
}

const MAX_WORD = 32;
