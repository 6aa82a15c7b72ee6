/** `PASSWORD=…`, `--token …`, `"secret": "…"`: values whose name gives them away. */
import { isWayIn, sensitivityOf } from "./names.ts";
import { secret, type Detector, type Span } from "./span.ts";
import { isHarmless, isMethod, isOption, looksSecret, valueEnd } from "./values.ts";

/** The lookbehinds let a match begin only where a name does: a long name is looked at once, not from each letter. */
const ASSIGNED = /(?<![\p{L}\p{N}_.-])([\p{L}\p{N}_.-]+)\\?["'\]]{0,2} {0,3}(?:=>|:=|[=:：]|%3[dD]) {0,3}/gu;
const OPTION = /(?<!\S)--?([A-Za-z][\w.-]*) +(?=\S)/g;

export const assignments: Detector = (text) => {
  const spans: Span[] = [];
  let coveredTo = 0;
  const mask = (name: string, start: number, { inQuery, isGiven }: { inQuery: boolean; isGiven: boolean }) => {
    const sensitivity = start < coveredTo ? "no" : sensitivityOf(name);
    if (sensitivity === "no") return;
    const end = valueEnd(text, start, inQuery);
    const value = text.slice(start, end);
    const isSecret =
      sensitivity === "secret" || (isGiven && isWayIn(name) && !isMethod(value))
        ? !isHarmless(value)
        : looksSecret(value);
    if (!isSecret) return;
    spans.push(secret(start, end));
    coveredTo = end;
  };
  for (const { 0: whole, 1: name = "", index } of text.matchAll(ASSIGNED)) {
    const inQuery = index > 0 && "?&".includes(text.charAt(index - 1));
    mask(name, index + whole.length, { inQuery, isGiven: whole.endsWith("=") });
  }
  coveredTo = 0;
  for (const { 0: whole, 1: name = "", index } of text.matchAll(OPTION)) {
    const start = index + whole.length;
    if (!isOption(text, start)) mask(name, start, { inQuery: false, isGiven: true });
  }
  return spans;
};
