/** A user and a password that go together: `--user root:PASSWORD`, `-U bob%PASSWORD`, `-u bob -p PASSWORD`. */
import { secret, type Detector, type Span } from "./span.ts";
import { isHarmless, valueEnd } from "./values.ts";

/** The value may stand in the next word. */
const USER = /^["']?(?:-[uUa]|--?(?:[a-z]+[-_])?(?:user|username|login|creds?|basic[-_]?auth))(?:=|$)/;
/** mount.cifs(8) and others have it in a list. */
const LISTED = /(?<![\w-])(?:user(?:name)?|passwd|login)=/g;
const ACCOUNT = /^["']?([A-Za-z_][\w.@+\\-]*)([:%])(?=[^\s/])/;

/** The user's group follows, or a folder of a host. */
const OTHERS =
  /^(?:docker|podman|nerdctl|crictl|ctr|crun|runc|buildah|apptainer|singularity|chroot|setpriv|systemd-\w+|rsync|scp|chown|install|gosu|su-exec|chpst|unshare|bwrap|iperf\d?|nc|ncat|sort|ls|diff|python[\d.]*)$/;
const GROUPS: ReadonlySet<string> = new Set(
  "adm audio daemon disk docker nobody nogroup nginx render root staff sys tty users video wheel www-data".split(" "),
);

/** -p is a port, a priority, a property or a process there, or asks. */
const NO_PASSWORD =
  /^(?:docker|podman|nerdctl|journalctl|systemctl|ssh|scp|sftp|rsync|psql|pg_\w+|createdb|mysql\w*|mariadb[\w-]*|ps|top|htop|lsof|pgrep|pkill|perf|strace|ansible[\w-]*|python[\d.]*|git|kubectl|mkdir|cp|tar|useradd|adduser|sudo|su)$/;

export const accounts: Detector = (text) => [...afterOptions(text), ...inLists(text)];

function afterOptions(text: string): Span[] {
  const spans: Span[] = [];
  let program = "";
  let [isUser, isPassword, hasUser, hasGroups] = [false, false, false, false];
  for (const { 0: word, index } of text.matchAll(/\S+/g)) {
    const isOption = word.startsWith("-");
    const isValue = isUser && !isOption;
    if (isValue && !hasGroups) spans.push(...passwordIn(text, index));
    if (isPassword && !NO_VALUE.test(word) && !isHarmless(word)) spans.push(secret(index, valueEnd(text, index)));
    hasUser = isValue || (hasUser && !/[|;&]$/.test(word));
    isPassword = hasUser && /^-[pPW]$/.test(word) && !NO_PASSWORD.test(program);
    const option = USER.exec(word)?.[0] ?? "";
    isUser = option !== "" && !option.endsWith("=");
    if (option.endsWith("=") && !hasGroups) spans.push(...passwordIn(text, index + option.length));
    if (isOption || isValue || word.length > MAX_PROGRAM) continue;
    const name = word.slice(word.lastIndexOf("/") + 1).replace(/^["'(]+|["');:]+$/g, "");
    hasGroups ||= OTHERS.test(name);
    // The user before it is whom it runs as.
    if (program === "sudo") hasUser = false;
    if (program === "" || program === "sudo" || NO_PASSWORD.test(name)) program = name;
  }
  return spans;
}

/** An option, a port, a process. */
const NO_VALUE = /^(?:-|\d{1,7}(?:$|:))/;
const MAX_PROGRAM = 128;

function inLists(text: string): Span[] {
  return Array.from(text.matchAll(LISTED)).flatMap(({ 0: whole, index }) =>
    passwordIn(text, index + whole.length, ","),
  );
}

function passwordIn(text: string, start: number, separator?: string): Span[] {
  const word = text.slice(start, valueEnd(text, start)).split(separator ?? "\n", 1)[0] ?? "";
  const [whole, user = "", mark] = ACCOUNT.exec(word) ?? [];
  if (whole === undefined) return [];
  const password = word.slice(whole.length).replace(/["']$/, "");
  const isPort = /^\d{2,5}$/.test(password) && /[.\d]/.test(user);
  const isEncoded = mark === "%" && /^(?:40|20|2F|5C|3A)/i.test(password);
  const isGroup = password === user || GROUPS.has(password);
  if (isPort || isEncoded || isGroup || isHarmless(password) || password.length < MIN_PASSWORD) return [];
  return [secret(start + whole.length, start + word.length)];
}

const MIN_PASSWORD = 3;
