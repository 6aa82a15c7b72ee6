/** Addresses and names of hosts, for those who asked for strict masking. */
import { isIP, isIPv4 } from "node:net";
import { matches, type Detector, type Span } from "./span.ts";

const ADDRESS_RUN = /[0-9A-Fa-f:.]{2,}/g;
const MAC = /^(?:[0-9A-Fa-f]{2}:){5}(?:[0-9A-Fa-f]{2})$|^(?:[0-9A-Fa-f]{2}:){19}[0-9A-Fa-f]{2}$/;
const MAX_ADDRESS = 64;
/** This machine's own, the same on all: they give nothing away and tell a reader much. */
const EVERYBODYS = /^(?:127(?:\.\d{1,3}){3}|0\.0\.0\.0|::1?|255\.255\.255\.255)$/;

/** IPv4, IPv6 and MAC, also inside ids: `tcp:10.0.0.1:80-[2001:db8::1]:443`. */
export const addresses: Detector = (text) => {
  const spans: Span[] = [];
  for (const { 0: run, index } of text.matchAll(ADDRESS_RUN)) {
    const found = addressIn(run, text.charAt(index - 1), text.charAt(index + run.length));
    if (found !== undefined) spans.push({ start: index + found.start, end: index + found.end, kind: "addr" });
  }
  return spans;
};

/** `std::cache` has letters and colons too: what it touches tells. */
function addressIn(run: string, before: string, after: string): { start: number; end: number } | undefined {
  if (run.length > MAX_ADDRESS) return undefined;
  const touches = /\w/.test(before);
  const lead = touches ? (/^:(?!:)/.exec(run)?.[0].length ?? -1) : run.startsWith(":::") ? 1 : 0;
  if (lead < 0 && !run.includes(".")) return undefined;
  const start = Math.max(lead, 0);
  const whole = run.slice(start).replace(/(?<!:):$|\.$/, "");
  if (!/\w/.test(after)) {
    if (isIP(whole) === 6 || MAC.test(whole)) return span(start, whole);
  }
  const v4 = /(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\d)/.exec(run);
  return v4 !== null && isIPv4(v4[0]) && !(v4.index === 0 && /v/i.test(before)) ? span(v4.index, v4[0]) : undefined;
}

function span(start: number, address: string) {
  return EVERYBODYS.test(address) ? undefined : { start, end: start + address.length };
}

const TOP_LEVEL =
  /^(?:com|net|org|edu|gov|mil|int|io|ai|dev|app|cloud|info|biz|tech|site|online|internal|intra|intranet|local|lan|corp|home|localdomain|private|svc|cn|de|uk|fr|jp|kr|tw|hk|sg|ru|eu|ch|nl|se|fi|dk|es|cz|ca|au|br|mx|nz|tr|ua|us|in|it|pl|no|be|at|co|me|tv|xyz)$/i;
/** As Amazon calls its machines. */
const AMAZON = /()((?<![\w-])ip(?:-\d{1,3}){4}(?![\w-]))/g;
const DOMAIN = /(?<![\w.-])[\w-]+(?:\.[\w-]+)+/g;

/** Names that end as names of hosts do. `java.net` is a package, `train.py` a file. */
export const domains: Detector = (text) => [...matches(text, AMAZON, "host"), ...domainsIn(text)];

function domainsIn(text: string): Span[] {
  return Array.from(text.matchAll(DOMAIN)).flatMap(({ 0: name, index }): Span[] => {
    const isDomain =
      TOP_LEVEL.test(name.slice(name.lastIndexOf(".") + 1)) && !/^(?:javax?|sun|org\.apache|com\.sun)\./.test(name);
    return isDomain ? [{ start: index, end: index + name.length, kind: "host" }] : [];
  });
}

/** Where something says that it names a host; ids that begin like `pid-…:80` do not. */
const HOST_NAME =
  "(?:(?:master|rdzv|head|main|coordinator|scheduler|server|db|redis|remote|peer|node|dist|ray|pg|mysql)[-_.]?)?(?:addr|address|host|hostname|endpoint|nodename|nodelist)";
const NAMED: readonly RegExp[] = [
  new RegExp(`((?<![\\w-])(?:--?)?${HOST_NAME}\\\\?["']? {0,2}[=:] {0,2}\\\\?["']?)([A-Za-z0-9][\\w.-]*)`, "gi"),
  new RegExp(`((?<!\\S)--?${HOST_NAME} )([A-Za-z0-9][\\w.-]*)`, "gi"),
  /(@)([A-Za-z0-9][\w.-]*)(?=[:/\s]|$)/g,
  /(:\/\/)([A-Za-z0-9][\w.-]*)/g,
  // A port: `node-17:29500`. An id of an entity has no digit or dash in its kind, but `tty-output:`.
  /((?<![\w./:@[\]-]))((?!tty-|pid-|tid-)[A-Za-z][A-Za-z]*[\d-][\w-]*)(?=:\d{2,5}(?![\w:]))/g,
  // A remote folder: `filer:/export`.
  /((?<![\w./:@-]))((?!(?:cgroup|fifo|fuse|fs|file|futex|listen|mqueue|unix|path|block|pipe|lock|error):)[A-Za-z][\w-]*)(?=:\/(?!\/))/g,
  /((?<!\S)(?:\S*\/)?(?:ssh|mosh|sftp|ping|telnet|nc)(?: -[A-Za-z](?: ?[\w./=-]+)?){0,8} )(?!-)([A-Za-z][\w.-]*)(?=\s|$)/g,
];

const NO_HOST =
  /^(?:localhost|local|auto|none|null|true|false|any|all|tcp|udp|unix|http|https|is|of|not|in|for|and|to|the|file|sha256|sha512|static|c10d|etcd)$|^\d+$|^[\d.]+$|\.(?:py|js|ts|c|cc|cpp|h|go|rs|java|rb|sh|json|ya?ml|txt|log|service|socket|slice|scope|mount|timer)$/i;

/** Hosts that a text names as such, so that they can be masked wherever else they stand. */
export function namedHosts(text: string): string[] {
  return NAMED.flatMap((pattern) => matches(text, pattern))
    .map(({ start, end }) => text.slice(start, end).replace(/\.+$/, ""))
    .filter((host) => host.length <= 253 && !NO_HOST.test(host) && isIP(host) === 0);
}
