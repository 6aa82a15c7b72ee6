/** Why a model gave no answer, and what was thrown told as that. The sentences stand in views/, by the kind. */
import { printable } from "../lib/text.ts";
import type { Sentences } from "../views/sentences/index.ts";
import type { Usage } from "./cost.ts";

export type FailureKind = keyof Sentences["diag"]["failures"];

export class Failure extends Error {
  override readonly name = "Failure";
  readonly kind: FailureKind;
  /** What the sentence speaks of: the server's words, a variable's name, a number. Printable, bounded, without the key. */
  readonly details: readonly string[];
  readonly status: number | undefined;
  /** The server's Retry-After. */
  readonly retryAfterMs: number | undefined;
  /** Of an answer that came and cannot be used: it is paid for all the same. */
  readonly usage: Usage | undefined;

  constructor(
    kind: FailureKind,
    details: readonly string[] = [],
    about: { status?: number; retryAfterMs?: number; usage?: Usage } = {},
  ) {
    super(kind);
    this.kind = kind;
    this.details = details;
    this.status = about.status;
    this.retryAfterMs = about.retryAfterMs;
    this.usage = about.usage;
  }
}

/** What the AI SDK's APICallError holds; read by its shape, so that nothing of the SDK is loaded for it. */
interface CallError {
  statusCode?: number;
  responseHeaders?: Record<string, string>;
  responseBody?: string;
  message?: string;
  cause?: unknown;
}

/** `key` is taken out of whatever the server or the library says. */
export function failureOf(thrown: unknown, key: string | undefined): Failure {
  const causes = causesOf(thrown);
  const told = causes.find((cause) => cause instanceof Failure);
  if (told !== undefined) return told;
  const { statusCode, responseHeaders, responseBody = "", message = "" } = (thrown ?? {}) as CallError;
  const code = causes.map(codeOf).find((each) => each !== undefined);
  const words = safeWords(message === "" ? String(thrown) : message, key);
  if (code !== undefined && !hasBegun(statusCode, causes)) return new Failure(kindOfCode(code), [wordOfCode(code)]);
  if (statusCode === undefined || statusCode < 300) return new Failure(kindOfMessage(words), [words]);
  const about = { status: statusCode, retryAfterMs: retryAfterMs(responseHeaders) };
  return new Failure(kindOfStatus(statusCode, responseBody), [words], about);
}

/** Bounded, printable, and without the key: OpenAI, for one, repeats a wrong key in part. */
export function safeWords(text: string, key: string | undefined): string {
  const withoutKey = key === undefined ? text : text.replaceAll(key, "***");
  const line = withoutKey.replace(/\b(?:sk|key|xai|gsk)-[\w*.-]{6,}/g, "***").replace(/\s+/g, " ");
  return printable(line.trim()).slice(0, MAX_WORDS);
}

const MAX_WORDS = 300;

function kindOfStatus(status: number, body: string): FailureKind {
  // More of the same will not be answered until somebody pays; OpenAI says so with 429, Anthropic with 400.
  if (status === 402 || /insufficient_quota|credit balance|billing/i.test(body)) return "no_credit";
  if (status === 401 || status === 403) return "unauthorized";
  if (status === 404) return "unknown_model";
  if (status === 429) return "rate_limited";
  if (status < 400) return "redirected";
  return status >= 500 || status === 408 ? "server_error" : "rejected";
}

/** Of the errors that carry no status: of a stream that ended early, or of a body that is none. */
function kindOfMessage(message: string): FailureKind {
  if (/without a finish reason|terminated|process successful response|no output generated/i.test(message)) return "cut";
  if (/bad port/i.test(message)) return "blocked_port";
  if (/overloaded|internal server error/i.test(message)) return "server_error";
  return /json|choices|parse/i.test(message) ? "not_json" : "cut";
}

function kindOfCode(code: string): FailureKind {
  if (code === "ECONNREFUSED") return "connection_refused";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN" || code === "EAI_NODATA") return "unknown_host";
  if (/^(ENETUNREACH|EHOSTUNREACH|ENETDOWN|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/.test(code)) return "no_network";
  return /CERT|SSL|TLS|SELF_SIGNED|ISSUER/.test(code) ? "certificate" : "connection_lost";
}

/** The system's codes are known to an operator, undici's are not. */
function wordOfCode(code: string): string {
  return code.startsWith("UND_") ? "" : code;
}

/** Of an answer that had begun, the rest is missing; the tokens are spent, and asking again spends them again. */
function hasBegun(status: number | undefined, causes: readonly Error[]): boolean {
  return (status !== undefined && status < 300) || causes.some(({ message }) => message === "terminated");
}

/** The system's code, or undici's. */
function codeOf(error: Error): string | undefined {
  const { code } = error as Error & { code?: unknown };
  return typeof code === "string" && /^[A-Z][A-Z0-9_]+$/.test(code) ? code : undefined;
}

const MAX_CAUSES = 8;

/** From what was thrown to what it came of; where several addresses were tried, the first one's error. */
function causesOf(thrown: unknown): Error[] {
  const causes: Error[] = [];
  let error = thrown;
  while (error instanceof Error && causes.length < MAX_CAUSES) {
    causes.push(error);
    error = error.cause ?? (error as Error & { errors?: unknown[] }).errors?.[0];
  }
  return causes;
}

/** RFC 9110, section 10.2.3: seconds, or a date. */
function retryAfterMs(headers: Record<string, string> | undefined): number | undefined {
  const value = headers?.["retry-after"]?.trim();
  if (value === undefined || value === "") return undefined;
  const ms = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(ms, 0) : undefined;
}
