/** A piece of a text that is to be masked. */

export type MaskKind = "secret" | "home" | "mail" | "host" | "addr";

export interface Span {
  start: number;
  end: number;
  kind: MaskKind;
}

/** What stands in a text in place of a masked piece. */
export const PLACEHOLDER = /\[(?:secret|home|mail|host|addr)-\d{1,6}\]/g;

/** Says where in a text is what must not leave. Takes time linear in the text's length, whatever the text. */
export type Detector = (text: string) => Span[];

export function secret(start: number, end: number): Span {
  return { start, end, kind: "secret" };
}

/** Every match of a pattern whose first group is what stays and whose second is masked. */
export function matches(text: string, pattern: RegExp, kind: Span["kind"] = "secret"): Span[] {
  return Array.from(text.matchAll(pattern), ({ index, 1: kept = "", 2: masked = "" }) => ({
    start: index + kept.length,
    end: index + kept.length + masked.length,
    kind,
  }));
}

/** In order, none empty, none overlapping; what overlaps a secret is left for the next look at what remains of it. */
export function merged(spans: readonly Span[]): Span[] {
  const sorted = spans.filter(({ start, end }) => end > start).toSorted((a, b) => a.start - b.start || b.end - a.end);
  const result: Span[] = [];
  for (const span of sorted) {
    const last = result.at(-1);
    if (last === undefined || span.start >= last.end) result.push({ ...span });
    else if (isSecret(span) === isSecret(last)) last.end = Math.max(last.end, span.end);
    else if (isSecret(span)) result.splice(-1, 1, { ...span });
  }
  return result;
}

function isSecret({ kind }: Span): boolean {
  return kind === "secret";
}
