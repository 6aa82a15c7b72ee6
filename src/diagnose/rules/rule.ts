/**
 * What a rule is: knowledge of a known failure, as a value. How one is written: docs/rules.md. Where it is read and
 * checked: load.ts and schema.ts.
 */
import type { CauseKind, Risk } from "../../model/cause.ts";
import type { Verdict } from "../../model/documents.ts";
import type { Certainty } from "../../model/nodes.ts";

export interface Rule {
  /** Unique; a rule of the user's takes the place of the package's with the same id. */
  id: string;
  title: Text;
  when: Condition;
  /** Follows what the case itself shows. May speak of what the condition matched: `{cause}`, `{worker.pid}`. */
  explanation: Text;
  /** How sure it is that this is the failure, where the condition holds. */
  confidence: number;
  /** Of two rules that are as specific as each other, the higher goes first. */
  priority: number;
  /** Where the steps of the catalogue of causes come: `before` the rule's own, `after` them, or not at all. */
  advice: "before" | "after" | "none";
  steps: RuleStep[];
  prevention: Text[];
  sources: string[];
}

export interface Text {
  en: string;
  zh: string;
}

interface RuleStep {
  text: Text;
  /** One line for a shell, with the placeholders outside of quotes: what takes their place is quoted. */
  command: string | null;
  risk: Risk;
}

/** All of its parts must hold. */
export interface Condition {
  all?: Condition[];
  any?: Condition[];
  not?: Condition;
  verdict?: Verdict[];
  /** The best root cause. */
  cause?: CauseMatch;
  /** Another one that is possible as well. */
  also?: CauseMatch;
  /** On what the cause lies with, or on anything the chain leads over. */
  error?: ErrorMatch;
  /** A hop of the chain. */
  wait?: WaitMatch;
  holder?: HolderMatch;
  /** Hops of the chain in this order, with any others between them; a holder right after a wait has what that waits for. */
  path?: PathStep[];
  /** Who is asked about. */
  process?: ProcessMatch;
  /** Who must act for the wait to end. */
  culprit?: ProcessMatch;
  /** Whom the cause is about: the last one that waits, or the culprit itself. */
  subject?: ProcessMatch;
  /** Any of those that the chain or the cause mentions. */
  involved?: ProcessMatch;
  /** Of the best root cause. */
  evidence?: EvidenceMatch;
  blocked_ms?: { min?: number; max?: number };
}

/** `*` stands for any run of characters, `?` for one; whatever the case. One of several is enough. */
export type Patterns = string[];

export interface CauseMatch {
  kind: CauseKind[];
  entity?: Patterns;
  certainty?: Certainty[];
  as?: string;
}

export interface ErrorMatch {
  /** The part of its value before the first colon. */
  head: Patterns;
  type?: ("error.hw" | "error.net" | "topo.link_down")[];
  entity?: Patterns;
  /** The part behind it. */
  text?: Patterns;
  as?: string;
}

export interface WaitMatch {
  kind: Patterns;
  /** What is waited for, by its id or by what a person calls it. */
  on?: Patterns;
  by?: ProcessMatch;
  as?: string;
}

export interface HolderMatch {
  role?: Patterns;
  process?: ProcessMatch;
  /** Nobody else is on the chain behind it: the cause lies with it. */
  last?: true;
}

export interface PathStep {
  wait?: WaitMatch;
  holder?: HolderMatch;
}

export interface ProcessMatch {
  comm?: Patterns;
  /** A word of the command line, or the last part of a path in it; a pattern with a space is for the whole line. */
  cmdline?: Patterns;
  state?: string[];
  /** Whether it belongs to a job, or the job's id. */
  job?: boolean | Patterns;
  /** What it consumes. */
  resources?: Patterns;
  /** Of the process that is asked about only: whether it runs in a container. */
  container?: boolean;
  as?: string;
}

export interface EvidenceMatch {
  source?: Patterns;
  observed?: Patterns;
}
