/** A model without a mind: it makes a report of the case that it is sent, by the text of the prompt, as any model has to. */
import type { CaseFile } from "../src/diagnose/case.ts";

const STRANGER = "pid-999999999";

export class ScriptedModel {
  calls = 0;
  #slips = false;

  /** `slips`: the first answer cites a process that is not there, so that it is asked once more. */
  begin({ slips }: { slips: boolean }): void {
    this.calls = 0;
    this.#slips = slips;
  }

  answer(question: string): object {
    this.calls++;
    const [, text = "{}"] = /^BEGIN CASE \w+\n(.*)\nEND CASE \w+$/m.exec(question) ?? [];
    const { why } = JSON.parse(text) as CaseFile;
    const [cause] = why.root_causes;
    const waits = why.chain.map(({ from, edge, to }) => `${from} ${edge} ${to}`).join(", ");
    const cited = [
      ...new Set([...why.chain.flatMap(({ from, to }) => [from, to]), ...(cause ? [cause.entity_id] : [])]),
    ];
    return {
      root_cause: cause?.kind ?? "unknown",
      explanation: `${waits}. ${cause?.summary ?? ""}`,
      steps: cause?.advice ?? [],
      prevention: [],
      confidence: cause?.confidence ?? 0,
      cited: this.#slips && this.calls === 1 ? [...cited, STRANGER] : cited,
    };
  }
}
