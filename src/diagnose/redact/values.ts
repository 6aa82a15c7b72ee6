/** Where a value ends, and whether what stands where a secret might can be one. */
import { isOpaque } from "./opaque.ts";

/** To the quote that closes it, else to the next space: a password may hold anything else. */
export function valueEnd(text: string, start: number, inQuery = false): number {
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

/** An option, where a value might have stood. */
export function isOption(text: string, start: number): boolean {
  return /^--?[A-Za-z][\w-]*(?:[\s=]|$)/.test(text.slice(start, start + 40));
}

/** What says that there is none, where it is, or how to be asked for it. */
const NO_SECRET =
  /^(?:|true|false|yes|no|on|off|none|null|nil|undefined|auto|default|required|optional|prompt|ask|env|file|\d{1,2}|\$\{?\w+\}?|\*+|\.{3}|…|<[\w |-]+>|env:\w+|(?:file:\/\/|@)\S+)$/i;

export function isHarmless(value: string): boolean {
  const bare = unquoted(value);
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
export function looksSecret(value: string): boolean {
  const bare = unquoted(value);
  if (isHarmless(bare) || bare.includes("/")) return isOpaque(bare);
  if (/^[^\s:]+:[^\s:]+$/.test(bare)) return !/^\d+:\d+$/.test(bare);
  return isOpaque(bare) || (bare.length >= 12 && /\d/.test(bare) && /[a-z]/.test(bare) && /[A-Z]/.test(bare));
}

/** What `auth=…` is set to where it says how somebody is let in, or where that stands, and not with what. */
const METHOD =
  /^(?:any|all|anonymous|aws|azure|basic|bearer|cephx|cert|chap|cram-md5|deny|digest|disabled|eap|enabled|error|fail\w*|gcp|github|google|gss\w*|gssapi|hmac\w*|iam|ident|jwt|kerberos|key|krb5\w?|ldap|local|login|md5|mtls|munge|negotiate|ntlm\w*|oauth\d?|oidc|ok|open|pam|pap|password|passwd|peap|peer|pki|plain|psk|pubkey|publickey|radius|reject|saml|scram\b.*|sha\d*|shared|ssl|starttls|success|sys|tls|token|trust|unix|user|x509|\d+)$|[/(]|:\/\//i;

export function isMethod(value: string): boolean {
  return METHOD.test(unquoted(value.split(",", 1)[0] ?? ""));
}

function unquoted(value: string): string {
  return value.replace(/^\\?["']|[\\"',;)\]}]+$/g, "");
}
