/** A span of time as a person says it: the two units that matter. */
import type { Lang } from "./language.ts";
import { sentencesOf } from "./sentences/index.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `12.4 s`, `3m12s`, `5h7m`, `2d4h`. */
export function duration(ms: number, lang: Lang): string {
  const { seconds, minutes, hours, days } = sentencesOf(lang).units;
  const span = Math.max(ms, 0);
  if (span < MINUTE) return seconds((Math.floor(span / 100) / 10).toFixed(1));
  if (span < HOUR) return minutes(Math.floor(span / MINUTE), Math.floor((span % MINUTE) / SECOND));
  if (span < DAY) return hours(Math.floor(span / HOUR), Math.floor((span % HOUR) / MINUTE));
  return days(Math.floor(span / DAY), Math.floor((span % DAY) / HOUR));
}
