/** `PASSWORD=…`, `--token …`, `"secret": "…"`, `password is …`: values whose name gives them away. */
import { isOpaque } from "./opaque.ts";
import { sensitivityOf } from "./names.ts";
import { matches, secret, type Detector, type Span } from "./span.ts";

/** The lookbehinds let a match begin only where a name does: a long name is looked at once, not from each letter. */
const ASSIGNED = /(?<![\p{L}\p{N}_.-])([\p{L}\p{N}_.-]+)\\?["'\]]{0,2} {0,3}(?:=>|:=|[=:：]|%3[dD]) {0,3}/gu;
const OPTION = /(?<!\S)--?([A-Za-z][\w.-]*) +(?=\S)/g;
const TOLD =
  /(?<![\p{L}\p{N}_])(?:(?:password|passphrase|passwd|secret|token|api key|密码|口令|密钥|令牌)(?: (?:is|was|are|set to|to)(?= )| ?[为是])|identified by|password(?= ["'])|requirepass|masterauth) ?/giu;
/** The command of Redis, and netrc(5). */
const POSITIONAL = /(?<!\S)(?:AUTH (?=\S{6})|login [^\s,;:]{1,128} password (?!is |was ))/g;
/** `echo user:password | chpasswd` */
const CHANGED = /((?<![^\s"'])[^\s:"']+:)([^\s"']+)(?=["']? ?\| ?(?:sudo )?chpasswd)/g;
/** A command or a file that would give the password: `--password-command "echo PASSWORD"`. */
const ECHOED =
  /((?:pass|password|passwd|passphrase|secret|token|key|credentials?)[-_](?:command|cmd|file|path|program)(?:[= ]{0,2}|\\?["']){0,3}(?:<\(|\$\()?(?:echo|printf)(?: -[neE]{1,3}| \\?["']?%s(?:\\n)?\\?["']?)? \\?["']?)([^\s"'\\)]+)/gi;
/** expect(1) types it: `send "PASSWORD\r"`. */
const TYPED = /((?<!\w)send(?: --)? \\{0,3}["'])([^"'\\]+)(?=\\{1,4}[rn])/g;

export const assignments: Detector = (text) => {
  const spans: Span[] = [...matches(text, CHANGED), ...matches(text, ECHOED), ...matches(text, TYPED)];
  let coveredTo = 0;
  const mask = (start: number, inQuery: boolean, isWeak: boolean) => {
    if (start < coveredTo) return;
    const end = valueEnd(text, start, inQuery);
    const value = text.slice(start, end);
    if (isWeak ? !looksSecret(value) : isHarmless(value)) return;
    spans.push(secret(start, end));
    coveredTo = end;
  };
  for (const match of text.matchAll(ASSIGNED)) {
    const [whole, name = ""] = match;
    const inQuery = "?&".includes(text.charAt(match.index - 1)) && match.index > 0;
    const sensitivity = sensitivityOf(name);
    if (sensitivity !== "no") mask(match.index + whole.length, inQuery, sensitivity === "weak");
  }
  coveredTo = 0;
  for (const match of text.matchAll(OPTION)) {
    const sensitivity = sensitivityOf(match[1] ?? "");
    const start = match.index + match[0].length;
    if (sensitivity !== "no" && !isOption(text, start)) mask(start, false, sensitivity === "weak");
  }
  coveredTo = 0;
  for (const match of [...text.matchAll(TOLD), ...text.matchAll(POSITIONAL)]) {
    const start = match.index + match[0].length;
    if (!NEWS.test(text.slice(start, start + 12))) mask(start, false, false);
  }
  return spans;
};

/** To the quote that closes it, else to the next space: a password may hold anything else. */
function valueEnd(text: string, start: number, inQuery: boolean): number {
  const quoted = text.startsWith("\\", start) ? start + 1 : start;
  const quote = text.charAt(quoted);
  if (quote === '"' || quote === "'") return closingQuote(text, quoted, quote);
  const stop = inQuery ? /[\s&"'#]/g : /\s/g;
  stop.lastIndex = start;
  return stop.exec(text)?.index ?? text.length;
}

/** The end of the text where it was cut off before. */
function closingQuote(text: string, opening: number, quote: string): number {
  const isEscaped = text.charAt(opening - 1) === "\\";
  for (let at = opening + 1; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === quote && /^[\s,;:}\])&|"']?$/.test(text.charAt(at + 1))) return at + 1;
    if (character === "\\" && !isEscaped) at++;
  }
  return text.length;
}

/** An option after it: this one takes no value, or asks for it. */
function isOption(text: string, start: number): boolean {
  return /^--?[A-Za-z][A-Za-z-]*(?:[\s=]|$)/.test(text.slice(start, start + 40));
}

/** What is said of a password, not the password. */
const NEWS =
  /^(?:in|not|un)?(?:valid|correct|set|wrong|missing|expired|required|empty|needed|known|refused|rejected|denied|revoked|lost|found|used|created|read|sent|given|changed|accepted|ok|bad|too|a|the|being|stale)\b/i;

const NO_SECRET =
  /^(?:|true|false|yes|no|on|off|none|null|nil|undefined|auto|default|required|optional|prompt|ask|env|file|\d{1,2}|\$\{?\w+\}?|\*+|\.{3}|…|<[\w |-]+>|env:\w+|(?:file:\/\/|@)\S+)$/i;

function isHarmless(value: string): boolean {
  const bare = value.replace(/^\\?["']|[\\"',;)\]}]+$/g, "");
  return NO_SECRET.test(bare) || isPlainPath(bare);
}

/** A file that holds it. */
function isPlainPath(value: string): boolean {
  const parts = value.split("/");
  return (
    /^(?:\/|\.{1,2}\/|~\/)/.test(value) &&
    parts.length > 2 &&
    parts.every((part) => /^[\w.@:-]*$/.test(part) && !isOpaque(part)) &&
    parts.filter((part) => /^[a-z][a-z.-]+$/i.test(part)).length >= 2
  );
}

/** `user:password`, or letters and digits as no word has them. */
function looksSecret(value: string): boolean {
  const bare = value.replace(/^\\?["']|[\\"',;)\]}]+$/g, "");
  if (isHarmless(bare) || bare.includes("/")) return isOpaque(bare);
  if (/^[^\s:]+:[^\s:]+$/.test(bare)) return !/^\d+:\d+$/.test(bare);
  return isOpaque(bare) || (bare.length >= 12 && /\d/.test(bare) && /[a-z]/.test(bare) && /[A-Z]/.test(bare));
}
