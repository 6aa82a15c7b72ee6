/** A secret beside a word that says so, without a mark between them: `password is …`, `password …`, `set db.password …`. */
import { sensitivityOf } from "./names.ts";
import { isNews, isSentence } from "./prose.ts";
import { matches, secret, type Detector, type Span } from "./span.ts";
import { isHarmless, isOption, valueEnd } from "./values.ts";

const TOLD =
  /(?<![\p{L}\p{N}_])(?:(?:password|passphrase|passwd|secret|token|api key|密码|口令|密钥|令牌)(?: (?:is|was|are|set to|to)(?= )| ?[为是])|password for \S{1,128}(?: ?[=:]| to)|identified (?:with \S{1,64} )?(?:by|as)|password(?= ["'])|requirepass|masterauth) ?/giu;
/** The command of Redis, and netrc(5). */
const KNOWN = /(?<!\S)(?:AUTH (?=\S{6})|login [^\s,;:]{1,128} password )/g;
/** SQL's function, and those of databases' shells and of libraries. */
const CALLED = /((?<!\w)(?:password ?\(|(?:auth|login|authenticate) ?=? ?\(["'][^"'()]{0,128}["'],) ?["'])([^"']+)/gi;
/** A number between them tells of which user, or how it is encrypted. */
const BESIDE =
  /(?<=^|[\s"'(])((?:\w[\w.-]*[._-])?(?:password|passwd|passphrase|passcode|passwort|pw)|secret|authtoken) (?:\d{1,2} )?(?=[^\s=:|<>&;,/~-])/giu;

export const told: Detector = (text) => [
  ...matches(text, CALLED),
  ...[...text.matchAll(TOLD), ...text.matchAll(KNOWN)].flatMap(({ 0: whole, index }) => {
    const start = index + whole.length;
    return isNews(text, start) ? [] : valueAt(text, start);
  }),
  ...Array.from(text.matchAll(BESIDE)).flatMap(({ 0: whole, 1: word = "", index }) => {
    const start = index + whole.length;
    return isObject(text, word, index, start) || isSentence(text, start) ? [] : valueAt(text, start);
  }),
  ...setByName(text),
];

/** Where passwd(1) stands, a user follows. */
const COMMAND = /(?:^|[|;&(]|(?<!\S)(?:sudo|exec|env|getent|-c)(?: -\S{1,32}){0,4}) ?["']?$/;
/** It is looked for, or a file is called so. */
const SOUGHT =
  /(?<!\S)(?:\S*\/)?(?:[ef]?grep|rg|ag|ack|cat|less|head|tail|ls|cp|mv|rm|vim?|nano|find|sed|awk|git (?:add|rm|mv|commit|grep|log)) [^|;&)]*$/;
/** Kubernetes, Docker and others call an object a secret, which has a name. */
const OBJECT =
  /(?<!\S)(?:a|an|the|this|that|no|of|in|for|from|get|describe|delete|create|edit|patch|apply|list|missing|mount|docker|podman|gh|vault|(?:kubectl|oc|helm|az) .*) $/i;
const MISSING = /^:? (?:not found|does not exist|already exists)/;
const MAX_AROUND = 160;

function isObject(text: string, word: string, index: number, start: number): boolean {
  const before = text.slice(Math.max(0, index - MAX_AROUND), index);
  if (SOUGHT.test(before) || (/^passwd$/i.test(word) && COMMAND.test(before))) return true;
  return (
    /^secret$/i.test(word) && (OBJECT.test(before) || MISSING.test(text.slice(valueEnd(text, start)).slice(0, 20)))
  );
}

function valueAt(text: string, start: number): Span[] {
  const end = valueEnd(text, start);
  return isOption(text, start) || isHarmless(text.slice(start, end)) ? [] : [secret(start, end)];
}

const SETS =
  /^(?:--?)?(?:set|put|config|configure|modify|add|write|update|replace|name|n)$|^(?:\w+-)?(?:set|put|reset|change|create)-\w[\w-]*$/i;
const NAME = /^\w*[\w./:@-]*\w$/;
/** `-n NAME -v VALUE` */
const VALUE = /^--?(?:value|body|data|base64|secret-string)$/;
const VALUE_BESIDE = /^-[vb]$/;
const VALUE_JOINED = /^(?:--(?:value|body|data|base64|secret-string)=|-[vb](?=["']))/;
/** Further from the verb, a word belongs to something else. */
const MAX_WORDS = 12;

/** `config set NAME VALUE`, where the name is one of a secret. */
function setByName(text: string): Span[] {
  const spans: Span[] = [];
  let at = 0;
  let [verb, named] = [-Infinity, -Infinity];
  let [isAwaited, isBeside] = [false, false];
  for (const { 0: word, index } of text.matchAll(/\S+/g)) {
    at++;
    const joined = at - named <= MAX_WORDS ? VALUE_JOINED.exec(word)?.[0].length : undefined;
    if (joined !== undefined) spans.push(...valueAt(text, index + joined));
    else if (isAwaited) spans.push(...valueAt(text, index));
    else if (isBeside && !/^[-=<>|&;:]/.test(word) && !isSentence(text, index)) spans.push(...valueAt(text, index));
    isAwaited = (VALUE.test(word) && at - named <= MAX_WORDS) || (VALUE_BESIDE.test(word) && at - named === 1);
    const isName = NAME.test(word) && isSecretsName(word);
    isBeside = isName && at - verb <= MAX_WORDS;
    if (isName) named = at;
    if (SETS.test(word)) verb = at;
  }
  return spans;
}

/** Of a file's name the end tells what is in it. */
const NO_NAME =
  /(?:credentials|signature)$|\.(?:py|sh|js|ts|ya?ml|json|txt|cfg|conf|ini|go|rs|c|h|md|service|timer|env|key|pem|crt)$/;

function isSecretsName(word: string): boolean {
  const last = word
    .split(/[./:-]+/)
    .slice(-2)
    .join("-");
  return !NO_NAME.test(word) && (sensitivityOf(last) === "secret" || /(?:^|:)_auth$/.test(word));
}
