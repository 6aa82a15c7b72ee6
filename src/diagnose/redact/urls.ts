/** `scheme://user:password@host`, and the same without a scheme as database drivers take it. */
import { isOpaque } from "./opaque.ts";
import { matches, secret, type Detector } from "./span.ts";

const WORD = /[^\s"'<>]+/g;
/** RFC 3986 has none of these in a user's name; a password that nobody encoded may hold them. */
const END_OF_AUTHORITY = /[/?#]/;
/** Go's MySQL driver; `user:password@host:port` */
const DSN = /((?<![\w.:/@-])[\w.-]+:)([^\s:/"']+)(?=@(?:(?:tcp|udp|unix)\(|(?!sha\d)[A-Za-z0-9.-]+(?::\d|\/)))/g;
const ORACLE = /(:thin:[^\s/@]+\/)([^\s@]+)(?=@)/g;
/** `?key=…`: a name that says little, but in a URL it lets somebody in. */
const QUERY = /([?&](?:key|code|auth|access|sv_token|x-amz-[a-z-]+|k|s|t)=)([\w.%~+/-]{16,})/gi;

/** pgpass(5): `host:port:database:user:password` */
const PGPASS =
  /((?<![^\s"'])(?![\da-fA-F:]+(?:\s|$))(?:[\w.-]+|\*):(?:\d{2,5}|\*):(?:[\w.-]+|\*):(?:[A-Za-z_][\w.-]*|\*):)([^\s"']+)/g;

export const urls: Detector = (text) => {
  const spans = [...matches(text, DSN), ...matches(text, PGPASS), ...matches(text, ORACLE), ...matches(text, QUERY)];
  for (const { 0: word, index } of text.matchAll(WORD)) {
    let from = word.indexOf("://");
    while (from >= 0) {
      const next = word.indexOf("://", from + 3);
      const end = next < 0 ? word.length : next;
      const length = userinfoLength(word.slice(from + 3, end));
      const start = index + from + 3;
      if (length > 0) spans.push(secret(start, start + length));
      from = next;
    }
  }
  return spans;
};

function userinfoLength(rest: string): number {
  const authority = rest.split(END_OF_AUTHORITY, 1)[0] ?? "";
  const at = authority.lastIndexOf("@");
  if (at < 0) return /^[^:@/[]*:(?!\d+(?:\/|$))/.test(rest) ? Math.max(rest.lastIndexOf("@"), 0) : 0;
  const user = authority.slice(0, at);
  return user.includes(":") || isToken(user) ? at : 0;
}

/** A user alone, as ssh has it, is none. */
function isToken(user: string): boolean {
  return user.length > 24 || isOpaque(user) || (user.length >= 12 && /\d/.test(user));
}
