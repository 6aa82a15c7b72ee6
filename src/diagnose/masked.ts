/**
 * The documents with every text of them masked and bounded, field by field: a new field does not slip through. What is
 * an id stays whole: it is there to be cited.
 */
import { readProcessId, processId, threadId } from "../model/entity.ts";
import type { Advice, Hop, ProbeStatus, ProcessRow, RootCause, WhyDocument } from "../model/documents.ts";
import type { Attrs, Event } from "../model/event.ts";
import type { CaseFile } from "./case.ts";
import type { Redactor } from "./redact/redactor.ts";
import { sensitivityOf } from "./redact/names.ts";

/** The longest text there may be; lists grow to a sixteenth of it. */
export type Bound = 1024 | 512 | 256 | 128;

const MAX_ATTRS = 16;

/** What a text becomes before anybody else sees it. */
export type Masking = Pick<Redactor, "text" | "host" | "secret">;

export class Mask {
  readonly #redactor: Masking;
  readonly #maxText: Bound;

  constructor(redactor: Masking, maxText: Bound) {
    this.#redactor = redactor;
    this.#maxText = maxText;
  }

  why(why: WhyDocument): WhyDocument {
    const { process } = why;
    return {
      schema: why.schema,
      process: {
        node: this.host(process.node),
        pid: process.pid,
        start_ms: process.start_ms,
        comm: this.text(process.comm),
        cmdline: this.text(process.cmdline),
        state: this.text(process.state),
        job_id: this.orNull(process.job_id),
        rank: process.rank,
        job_role: this.orNull(process.job_role),
        flight_record: this.orNull(process.flight_record),
        container: this.orNull(process.container),
        ended: this.orNull(process.ended),
      },
      verdict: why.verdict,
      blocked_ms: why.blocked_ms,
      chain: why.chain.map((hop) => this.#hop(hop)),
      root_causes: why.root_causes.map((cause) => this.cause(cause)),
      blind_spots: this.#list(why.blind_spots).map((spot) => this.text(spot)),
      names: this.names(why.names),
    };
  }

  names(names: Readonly<Record<string, string>>): Record<string, string> {
    return Object.fromEntries(this.#list(Object.entries(names)).map(([id, comm]) => [this.id(id), this.text(comm)]));
  }

  host(name: string): string {
    return this.#cut(this.#redactor.host(name));
  }

  row(row: ProcessRow): ProcessRow {
    return {
      node: this.host(row.node),
      pid: row.pid,
      start_ms: row.start_ms,
      comm: this.text(row.comm),
      cmdline: this.text(row.cmdline),
      job_id: this.orNull(row.job_id),
      rank: row.rank,
      local_rank: row.local_rank,
      job_role: this.orNull(row.job_role),
      state: this.text(row.state),
      resources: this.#list(row.resources).map((id) => this.id(id)),
      waits: this.#list(row.waits).map(({ entity_id, kind, tid, since_ms }) => ({
        entity_id: this.id(entity_id),
        kind: this.text(kind),
        tid,
        since_ms,
      })),
      blocked_ms: row.blocked_ms,
    };
  }

  event(event: Event): Event {
    const { job_id, node, attrs } = event;
    return {
      ts: event.ts,
      event_type: event.event_type,
      entity_id: this.id(event.entity_id),
      ...(typeof job_id === "string" ? { job_id: this.text(job_id) } : {}),
      ...(typeof event.pid === "number" ? { pid: event.pid } : {}),
      value: this.text(event.value),
      ...(node === undefined ? {} : { node: this.host(node) }),
      ...(attrs === undefined ? {} : { attrs: this.#attrs(attrs) }),
    };
  }

  probe({ name, state, last_error }: ProbeStatus): CaseFile["probes"][number] {
    return { name: this.text(name), state, last_error: this.orNull(last_error) };
  }

  /** A process of another host is called after that host. */
  id(id: string): string {
    const parts = readProcessId(id);
    if (parts?.node === undefined) return this.#redactor.text(id);
    const process = processId(parts.pid, this.host(parts.node));
    return parts.tid === undefined ? process : threadId(process, parts.tid);
  }

  #hop({ from, to, detail, label, edge, certainty }: Hop): Hop {
    const told = { from: this.id(from), edge, to: this.id(to), detail: this.text(detail), certainty };
    return label === undefined ? told : { ...told, label: this.text(label) };
  }

  cause(cause: RootCause): RootCause {
    return {
      kind: cause.kind,
      entity_id: this.id(cause.entity_id),
      ...(cause.pid === undefined ? {} : { pid: cause.pid }),
      pids: this.#list(cause.pids),
      tids: this.#list(cause.tids),
      confidence: cause.confidence,
      certainty: cause.certainty,
      summary: this.text(cause.summary),
      evidence: this.#list(cause.evidence).map(({ source, observed }) => ({
        source: this.text(source),
        observed: this.text(observed),
      })),
      advice: this.#list(cause.advice).map((advice) => this.#advice(advice)),
    };
  }

  /** Half a command is another command. */
  #advice({ text, command, risk }: Advice): Advice {
    const masked = command === null ? null : this.#redactor.text(command);
    return { text: this.text(text), command: masked !== null && masked.length > this.#maxText ? null : masked, risk };
  }

  #attrs(attrs: Attrs): Attrs {
    const entries = Object.entries(attrs).slice(0, MAX_ATTRS);
    return Object.fromEntries(entries.map(([key, value]) => [this.text(key), this.#attr(key, value)]));
  }

  /** The key says what a value alone does not. */
  #attr(key: string, value: string | number | boolean): string | number | boolean {
    if (sensitivityOf(key) === "secret" && typeof value !== "boolean") return this.#secret(String(value));
    return typeof value === "string" ? this.text(value) : value;
  }

  #secret(value: string): string {
    return this.#cut(this.#redactor.secret(value));
  }

  orNull(text: string | null): string | null {
    return text === null ? null : this.text(text);
  }

  text(text: string): string {
    return this.#cut(this.#redactor.text(text));
  }

  /** After it was masked: half a secret has no shape; and never within a placeholder. */
  #cut(text: string): string {
    if (text.length <= this.#maxText) return text;
    const head = text.slice(0, this.#maxText - 1);
    return `${head
      .replace(/\[[a-z]*(?:-\d*)?$/, "")
      .toWellFormed()
      .replace(/\ufffd$/, "")}…`;
  }

  #list<T>(list: readonly T[]): T[] {
    return list.slice(0, this.#maxText / 16);
  }
}
