/** What an HTTP client sends to be let in: Authorization, cookies, a scheme with its credentials. */
import { matches, secret, type Detector, type Span } from "./span.ts";

const SCHEME =
  "(?:basic|bearer|token|digest|negotiate|ntlm|apikey|hoba|mutual|aws4-hmac-sha256|gitlab|splunk|bot|key|sso-key|snowflake token=)";
const VALUE = "[^\\s,\"']+(?: ?, ?[^\\s,\"']+)*";

/** RFC 9110: scheme and credentials, which may be a list of parameters. */
const AUTHORIZATION = new RegExp(
  `((?<![A-Za-z])(?:proxy[-_])?authorization\\\\?["']? {0,3}[:=] {0,3}\\\\?["']?(?:${SCHEME} +)?)(${VALUE})`,
  "gi",
);
const BEARER = /((?<![\w-])bearer +)([\w.~+/=-]{8,})/gi;
/** Also a word of English: what follows must be base64 of `user:password`. */
const BASIC = /((?<![\w-])basic +)([A-Za-z0-9+/]{6,}={0,2})/gi;
const COOKIE = /((?<![A-Za-z])(?:set-)?cookie\\?["']? {0,3}[:=] {0,3}\\?["']?)([^\s;"']+(?:; ?[^\s;"']+)*)/gi;

export const headers: Detector = (text) => [
  ...matches(text, AUTHORIZATION),
  ...matches(text, BEARER),
  ...matches(text, BASIC).filter(({ start, end }) => decoded(text.slice(start, end)).includes(":")),
  ...matches(text, COOKIE),
  ...quotedLists(text),
];

/** Digest's parameters are quoted: all up to the line's next word that is none of them. */
const DIGEST = /(?<![\w-])digest +(?:[a-z]+ ?= ?(?:"[^"]*"|[^\s,"]+),? *)+/gi;

function quotedLists(text: string): Span[] {
  return Array.from(text.matchAll(DIGEST), ({ 0: whole, index }) =>
    secret(index + whole.indexOf(" ") + 1, index + whole.trimEnd().length),
  );
}

function decoded(base64: string): string {
  return Buffer.from(base64, "base64").toString("latin1");
}
