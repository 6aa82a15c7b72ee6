/**
 * Keys that say by their beginning whose they are, as the issuers document them. What follows the beginning may be cut
 * off (a process name holds 15 bytes), so little of it is asked for.
 */
import { matches, secret, type Detector, type Span } from "./span.ts";

/** No letter or digit before it: `sk-` also ends `task-`. */
const EDGE = "(?<![A-Za-z0-9])";
/** At least one digit or capital among them: `hf_` and `npm_` also begin ordinary names. */
const MIXED = "(?=[a-z]{0,40}[A-Z0-9])[A-Za-z0-9]";

const SHAPES: readonly string[] = [
  // Amazon: the access key's id; the secret one has no shape.
  "(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA)[A-Z0-9]{6,}",
  "ABSK[A-Za-z0-9+/=]{20,}",
  // GitHub, GitLab
  "gh[pousr]_[\\w.-]{4,}",
  "github_pat_\\w{4,}",
  "gl(?:pat|ptt|rt|dt|cbt|imt|ft|agent|oas|soat|ffct|wt)-[\\w.-]{4,}",
  `${EDGE}GR1348941[\\w-]{6,}`,
  // Slack, Discord, Telegram, Teams
  "xox[a-z](?:\\.xox[a-z])?-[\\w-]{4,}",
  "xapp-[\\w-]{4,}",
  "(?<=hooks\\.slack\\.com/(?:services|workflows|triggers)/)[\\w/-]+",
  "(?<=discord(?:app)?\\.com/api/webhooks/)[\\w/-]+",
  "(?<=webhook\\.office\\.com/webhookb2/)[\\w@/-]+",
  "(?<!\\d)\\d{8,10}:AA[\\w-]{6,}",
  "(?<![\\w-])[MNO][\\w-]{23,27}\\.[\\w-]{6}\\.[\\w-]{27,}",
  // OpenAI, Anthropic and others that took the beginning over
  `${EDGE}sk-(?:ant|proj|svcacct|admin|or|lf|None)-[\\w-]{4,}`,
  `${EDGE}sk-(?=[A-Za-z-]{0,40}\\d)[\\w-]{12,}`,
  `${EDGE}(?:sess|pplx|xai|nvapi|tvly|jina|fw|csk|gsk|r8|lsv2|pcsk|dop|dor|doo|ntn|sbp|nfp|hrku|shpat|shpca|shppa|shpss|figd|lin|phc|phx|rnd|tskey|fo1|vercel|vck|cfut|cfat|ey_api|ops|dckr)[-_](?=[A-Za-z_-]{0,40}\\d)[\\w-]{12,}`,
  `${EDGE}sk-[A-Za-z0-9]{24,}`,
  `${EDGE}hf_(?:${MIXED}{6,}|[A-Za-z0-9]{28,})`,
  `${EDGE}api_org_${MIXED}{6,}`,
  // Package registries
  `${EDGE}npm_(?:${MIXED}{12,}|[A-Za-z0-9]{28,})`,
  "pypi-Ag[\\w-]{4,}",
  "rubygems_[0-9a-f]{6,}",
  "dckr_(?:pat|oat)_[\\w-]{4,}",
  `${EDGE}cio[A-Za-z0-9]{32}`,
  // Google
  "AIza[\\w-]{6,}",
  `${EDGE}ya29\\.[\\w.-]{6,}`,
  "GOCSPX-[\\w-]{4,}",
  "(?<![\\w/])1//0[\\w-]{10,}",
  // Azure: a client secret, and keys that end with a mark
  "(?<![\\w~.-])[\\w~.-]{3}\\dQ~[\\w~.-]{8,}",
  // Stripe and others who pay
  `${EDGE}(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{4,}`,
  `${EDGE}whsec_[A-Za-z0-9+/=]{4,}`,
  `${EDGE}sq0(?:atp|csp|idp)-[\\w-]{4,}`,
  "access_token\\$(?:production|sandbox)\\$[\\w$]{6,}",
  // Mail, messages
  `${EDGE}SG\\.[\\w-]{6,}(?:\\.[\\w-]+)?`,
  `${EDGE}key-[0-9a-f]{24,}`,
  `${EDGE}[0-9a-f]{32}-us\\d{1,2}`,
  `${EDGE}(?:SK|AC)[0-9a-f]{32}`,
  "xkeysib-[\\w-]{6,}",
  // Infrastructure
  `${EDGE}hv[sbr]\\.[\\w-]{6,}`,
  `${EDGE}[sb]\\.[A-Za-z0-9]{24}(?!\\w)`,
  `${EDGE}dapi[0-9a-f]{12,}`,
  `${EDGE}do[oprt]_v1_[0-9a-f]{6,}`,
  "dp\\.(?:st|pt|ct|sa|scim|audit)\\.[\\w.-]{6,}",
  "\\w{6,20}\\.atlasv1\\.[\\w-]{6,}",
  "dt0[a-z]\\d{2}\\.[\\w.]{8,}",
  "gl(?:c|sa)_[\\w+/=]{8,}",
  "NRAK-[A-Z0-9]{6,}",
  "PMAK-[0-9a-f-]{8,}",
  "pul-[0-9a-f]{8,}",
  "pscale_(?:tkn|pw|oauth)_[\\w.-]{4,}",
  "sntry[su]_[\\w+/=]{6,}",
  "AGE-SECRET-KEY-1[A-Z0-9]{4,}",
  "ATATT3[\\w=-]{6,}|ATCTT3[\\w=-]{6,}|ATBB[A-Za-z0-9]{20,}",
  "HRKU-[\\w-]{6,}",
  "FlyV1 fm\\d_[\\w+/=,]+",
  "fm2_[\\w+/=]{20,}",
  `${EDGE}secret_[A-Za-z0-9]{20,}`,
  `${EDGE}EAA[A-Za-z0-9]{20,}`,
  // A licence: equal groups of capitals and digits
  "(?<![\\w-])(?=[A-Z-]{0,40}\\d)(?:[A-Z0-9]{4}(?:-[A-Z0-9]{4}){3,}|[A-Z0-9]{5}(?:-[A-Z0-9]{5}){3,})(?![\\w-])",
  // A JSON web token, or the beginning of one: base64url of `{"`
  "(?<![A-Za-z0-9+/])eyJ[\\w-]{6,}(?:\\.[\\w-]*){0,4}",
];

const ANY_SHAPE = new RegExp(`()(${SHAPES.join("|")})`, "g");

export const tokenShapes: Detector = (text) => [...matches(text, ANY_SHAPE), ...privateKeys(text)];

const PEM_BEGIN = /-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-|b3BlbnNzaC1rZXktdjE/g;
const PEM_END = /-----END[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;

/** RFC 7468: up to its end, or of the text where that was cut off. */
function privateKeys(text: string): Span[] {
  const spans: Span[] = [];
  PEM_BEGIN.lastIndex = 0;
  for (let begin = PEM_BEGIN.exec(text); begin !== null; begin = PEM_BEGIN.exec(text)) {
    PEM_END.lastIndex = PEM_BEGIN.lastIndex;
    const end = PEM_END.test(text) ? PEM_END.lastIndex : text.length;
    spans.push(secret(begin.index, end));
    PEM_BEGIN.lastIndex = end;
  }
  return spans;
}
