/** A model's report with the names that the user knows in place of the masks: the user saw the case unmasked already. */
import { printable } from "../lib/text.ts";
import type { Advice, DiagReport, WhyDocument } from "../model/documents.ts";
import { commandsIn } from "./shell/commands.ts";
import { greater, riskOf } from "./shell/risk.ts";

export interface Restoring {
  /** The `why` that the model got, and the one it was made of. */
  masked: WhyDocument;
  plain: WhyDocument;
  restore(text: string): string;
}

export function restoredReport(report: DiagReport, restoring: Restoring): DiagReport {
  const say = (text: string): string => printable(restoring.restore(text));
  return {
    ...report,
    explanation: say(report.explanation),
    steps: report.steps.map((step) => ({ ...restoredCommand(step, restoring), text: say(step.text) })),
    prevention: report.prevention.map(say),
    cited: report.cited.map((id) => restoring.restore(id)),
  };
}

/** Our own advice comes back whole, with what was masked in it. In any other command only names may change. */
function restoredCommand(step: Advice, { masked, plain, restore }: Restoring): Advice {
  const { command, risk } = step;
  if (command === null) return step;
  for (const [which, cause] of masked.root_causes.entries()) {
    const own = cause.advice.findIndex((advice) => advice.command === command);
    const original = own < 0 ? undefined : plain.root_causes[which]?.advice[own];
    if (original !== undefined) return { ...step, command: original.command, risk: greater(risk, original.risk) };
  }
  const restored = restore(command);
  const isSame = printable(restored) === restored && shapeOf(restored) === shapeOf(command);
  return isSame ? { ...step, command: restored, risk: greater(risk, riskOf(restored)) } : step;
}

/** A name may hold what a shell would run: `a;reboot`. */
function shapeOf(command: string): string {
  return commandsIn(command)
    .map(({ words, writesTo }) => `${words.length} ${writesTo.length}`)
    .join();
}
