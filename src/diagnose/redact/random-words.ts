/** Words that were made by a random generator: keys without a shape. Hashes that say which file or container it is stay. */
import { isHexKey, isOpaque } from "./opaque.ts";
import { secret, type Detector, type Span } from "./span.ts";

const RUN = /[A-Za-z0-9+/_~%.-]{16,}={0,3}/g;
const UUID = /(?<![0-9a-f])[0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}(?![0-9a-f])/gi;
/** As far back as a URL's beginning is looked for. */
const MAX_URL = 300;

/** A word of a path, which in base64 would have had capitals. */
const PLAIN = /^(?:[A-Z]?[a-z]{3,}|[a-z]+(?:[_-][a-z\d]+)+|[a-z]{3,}\d{1,3})$/;
/** Names that devices and the kernel give, serial numbers among them. */
const KERNELS_OWN = /^\/(?:dev|proc|sys)\//;

type Piece = Omit<Span, "kind">;

export const randomWords: Detector = (text) => {
  const spans: Span[] = [];
  const harmless = hashesByName(text);
  for (const { 0: run, index: start } of text.matchAll(RUN)) {
    const before = text.slice(Math.max(0, start - MAX_URL), start);
    const inUrl = run.startsWith("//") || before.slice(before.lastIndexOf(" ") + 1).includes("://");
    const opaque = opaqueParts(run, inUrl);
    spans.push(...opaque.map((piece) => secret(start + piece.start, start + piece.end)));
  }
  return spans.filter(({ start, end }) => !harmless.some((hash) => hash.start <= start && end <= hash.end));
};

/** A path keeps what is readable of it, and hashes; in base64 a slash is a letter, and all of it goes. */
function opaqueParts(run: string, inUrl: boolean): Piece[] {
  if (KERNELS_OWN.test(run)) return [];
  const parts = run.split(/[/.]/);
  const isPath = !inUrl && run.includes("/");
  const found: Piece[] = [];
  let plainParts = 0;
  let start = 0;
  for (const part of parts) {
    const word = part.replace(UUID, (uuid) => "-".repeat(uuid.length));
    const isHash = isPath && word.split(/[^0-9A-Za-z]+/).some(isHexKey);
    if (!isHash && isOpaque(word) && !isStoreName(parts, part)) found.push({ start, end: start + part.length });
    else if (PLAIN.test(word)) plainParts++;
    start += part.length + 1;
  }
  // Cut into short parts by its slashes, base64 shows as a whole.
  const isWhole = found.length === 0 && parts.length > 1 && plainParts === 0 && !run.includes(".") && isOpaque(run);
  const whole = { start: /^\/*/.exec(run)?.[0].length ?? 0, end: run.length };
  if (isWhole) return [whole];
  if (found.length === 0) return [];
  const keepsWords = !run.includes("+") && plainParts >= (run.startsWith("/") ? 1 : 2);
  return parts.length === 1 || keepsWords ? found : [whole];
}

/** `/nix/store/<hash>-name`, `/gnu/store/<hash>-name` */
function isStoreName(parts: readonly string[], part: string): boolean {
  return parts[2] === "store" && parts[3] === part && /^[0-9a-z]{32}-/.test(part);
}

/**
 * Hexadecimal that a word beside it calls a digest, a revision or a container. A bare 64 digits are as well a key of
 * 256 bits.
 */
const NAMED_HASH = new RegExp(
  [
    "\\b(?:sha(?:1|224|256|384|512)|md5|blake[23]b?)[:=-][0-9a-fA-F]{20,128}(?![0-9a-zA-Z])",
    '(?:\\b(?:docker|libpod|crio|crio-conmon|cri-containerd|containerd|buildkit|podman|container|snapshot|commit|rev|revision|sha|digest|tree|checkout|show|reset --hard|cherry-pick|revert|etag|buildid|build-id|machine-id|boot-id|invocation(?:_id)?)|--?(?:id|cid|container-id|container|sandbox-id|bundle-id|commit|rev|revision|sha|digest|checksum|build-id|namespace-id)|\\bshim\\b[^|;]{0,80} -id)[-:=/ ]\\s?"?[0-9a-f]{20,64}(?![0-9a-zA-Z])',
    "\\b(?:docker|podman|crictl|nerdctl|ctr|runc|crun|kubectl)(?: -{0,2}\\w[\\w=./-]{0,30}){0,6} [0-9a-f]{64}(?![0-9a-zA-Z])",
    "\\bgit(?: -{0,2}\\w[\\w=./-]{0,30}){0,6} [0-9a-f]{40}(?![0-9a-zA-Z])",
    "(?<=@)[0-9a-f]{40}(?![0-9a-zA-Z])",
  ].join("|"),
  "g",
);

function hashesByName(text: string): Piece[] {
  return Array.from(text.matchAll(NAMED_HASH), (match) => ({
    start: match.index,
    end: match.index + match[0].length,
  }));
}
