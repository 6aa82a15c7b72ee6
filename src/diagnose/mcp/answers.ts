/** Where the tools have their answers from: the documents of the contract, whole and unmasked. */
import type {
  DoctorDocument,
  EventsDocument,
  PsDocument,
  StatusDocument,
  WhyAllDocument,
  WhyDocument,
  WhyJobDocument,
} from "../../model/documents.ts";
import type { EventType } from "../../model/event.ts";

/** What `ps` and `status` answer beyond the contract. */
export interface PsReply extends PsDocument {
  now_ms?: number;
  stale_resources?: string[];
}
export interface StatusReply extends StatusDocument {
  recording?: { file: string; written: number; dropped: number; error: string | null } | null;
}

type WhyReply = WhyDocument | WhyAllDocument | WhyJobDocument;

interface WhyQuestion {
  /** Not with `job`; without either, all that is stuck. */
  pid?: number;
  job?: string;
  all?: boolean;
}

/** Each throws XctlError for what a user can mend. */
export interface Answers {
  ps(question: { all?: boolean; job?: string }): Promise<PsReply>;
  why(question: WhyQuestion): Promise<WhyReply>;
  events(question: { type?: EventType; pid?: number }): Promise<EventsDocument>;
  /** A recording has none: it knows no daemon, and may be of another machine. */
  live?: {
    status(): Promise<StatusReply>;
    doctor(): Promise<DoctorDocument>;
  };
}
