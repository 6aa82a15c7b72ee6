/** What is known of a case, and all that a language model or a rule may go by. */
import type { ProbeStatus, ProcessRow, WhyDocument } from "../model/documents.ts";
import type { Event } from "../model/event.ts";

/** As the daemon, or a recording, answers: nothing is masked or left out yet. */
export interface CaseSource {
  why: WhyDocument;
  /** Every process; the case takes the neighbours out of them. */
  processes: readonly ProcessRow[];
  /** Recent ones, of any entity, newest last. */
  events: readonly Event[];
  probes: readonly ProbeStatus[];
  /** When it was asked, by the clock of the events. */
  nowMs: number;
}

/** Bounded, masked, nearest first. */
export interface CaseFile {
  schema: "xctl.case/1";
  asked_ms: number;
  why: WhyDocument;
  /** Processes that the chain and the causes mention, then their parents and children. */
  processes: ProcessRow[];
  /** Errors and actions of the entities involved, newest first. */
  events: Event[];
  probes: Pick<ProbeStatus, "name" | "state" | "last_error">[];
  /** All that a report may cite. */
  entities: string[];
  /** What there was no room for. */
  left_out: { processes: number; events: number };
}
