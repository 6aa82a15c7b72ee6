/**
 * What a program that asks for a secret is given to read: `echo PASSWORD | sudo -S`, `kinit bob <<< PASSWORD`,
 * `--password-command "echo PASSWORD"`; or a file that keeps one.
 */
import { matches, secret, type Detector, type Span } from "./span.ts";
import { isHarmless, valueEnd } from "./values.ts";

/** A command or a file that would give the password: `--password-command "echo PASSWORD"`. */
const ECHOED =
  /((?:(?:pass|password|passwd|passphrase|secret|token|key|credentials?)[-_]?(?:command|cmd|file|path|program|eval)|askpass)(?:[= ]{0,3}|\\?["']){0,3}(?:<\(|\$\()?(?:echo|printf)(?: -[neE]{1,3}| \\?["']?%s(?:\\n)?\\?["']?)? (?:\\?["'])?)([^\s"'\\)]+)/gi;
/** expect(1) types it: `send "PASSWORD\r"`. */
const TYPED = /((?<!\w)send(?: --)? \\{0,3}["'])([^"'\\]+)(?=\\{1,4}[rn])/g;

export const given: Detector = (text) => [
  ...matches(text, ECHOED),
  ...matches(text, TYPED),
  ...said(text),
  ...hereStrings(text),
  ...hereDocuments(text),
];

const SAYS = /(?<![\w.-])(?:echo|printf|yes) +(?:-[neE]{1,3} +)?(?:(["']?)%s(?:\\n)?\1 +)?/g;

function said(text: string): Span[] {
  return Array.from(text.matchAll(SAYS)).flatMap(({ 0: whole, index }) => {
    const start = index + whole.length;
    const end = endOfWords(text, start);
    const value = text.slice(start, end).replace(/(?: \d?| )$/, "");
    const rest = text.slice(end, end + MAX_COMMAND);
    const isSubstituted = /[<$]\($/.test(text.slice(Math.max(0, index - 2), index));
    const isRead = isForSecrets(rest) || (isSubstituted && asksForSecret(commandBefore(text, index - 2)));
    return isRead && !isHarmless(value) ? [secret(start, start + value.length)] : [];
  });
}

/** A command is looked at no further; so the time stays linear. */
const MAX_COMMAND = 400;

/** Where the shell ends a command: a mark that no quotes hold. */
function endOfWords(text: string, start: number): number {
  const limit = Math.min(text.length, start + MAX_COMMAND);
  for (let at = start; at < limit; at++) {
    const character = text.charAt(at);
    if ("|;&<>)".includes(character)) return at;
    if (character === "\\") at++;
    if (character !== '"' && character !== "'") continue;
    const closing = text.indexOf(character, at + 1);
    if (closing > 0 && closing < limit) at = closing;
  }
  return limit;
}

/** The words may stand in a list, `(echo OLD; echo NEW) | …`, and some of what they print go elsewhere, `2>&1`. */
const PIPED = /^(?:;[^|()]*)?(?:[)}] ?)?(?:\d?>{1,2} ?(?:&\d|[^\s|;&]+) ?)*\|(?!\|)([^;&]*)/;
const REDIRECTED = /^[^<>|;&]{0,200}>{1,2} ?["']?([^\s"'|;&>]+)/;

function isForSecrets(rest: string): boolean {
  const [, file = ""] = REDIRECTED.exec(rest) ?? [];
  const [, commands = ""] = PIPED.exec(rest) ?? [];
  return keepsSecrets(file) || commands.split("|").some(asksForSecret);
}

function keepsSecrets(file: string): boolean {
  return (
    /(?:^|\/)\.?(?:pgpass|netrc|my\.cnf|git-credentials|smbcredentials|htpasswd)$/.test(file) || SECRETLY.test(file)
  );
}

/** In options too: `--password-stdin`, `--passphrase-fd 0`, `-pass stdin`, `--with-token`. A tokenizer is none. */
const SECRETLY =
  /(?<![A-Za-z])(?:\w*passw(?:or)?d|pass(?:phrase|code|in)?|pw|tokens?|secrets?|credentials?)(?![A-Za-z])/i;
const ASKS =
  /^ ?["']?(?:\S*\/)?(?:su|cryptsetup|kinit)(?= |$)|(?<=^|[\s/("'])(?:kinit|cryptsetup|ssh-add|smbpasswd|adcli)(?= |$)|(?<!\S)sudo (?:\S{1,64} ){0,8}?(?:-[A-Za-z]*S|--stdin)|(?<=\S )(?:login|join|load-key|unlock|unseal|pubkey|luksOpen)(?= |$)/;

function asksForSecret(command: string): boolean {
  return ASKS.test(command) || SECRETLY.test(command);
}

function hereStrings(text: string): Span[] {
  return Array.from(text.matchAll(/<<< ?/g)).flatMap(({ 0: whole, index }) => {
    const start = index + whole.length;
    const end = valueEnd(text, start);
    return isHarmless(text.slice(start, end)) || !asksForSecret(commandBefore(text, index)) ? [] : [secret(start, end)];
  });
}

/** Its lines have become one: `sudo -S id <<EOF PASSWORD EOF`. */
const HERE = /(?<!<)<<-? ?["']?([A-Za-z_]\w{0,31})["']?(?: >{1,2} ?\S{1,256})?(?= )/g;

function hereDocuments(text: string): Span[] {
  return Array.from(text.matchAll(HERE)).flatMap(({ 0: whole, 1: mark, index }) => {
    const start = index + whole.length + 1;
    const body = text.slice(start, start + MAX_COMMAND);
    const end = body.indexOf(` ${mark}`);
    const command = commandBefore(text, index);
    const isRead =
      asksForSecret(command) || isForSecrets(command.slice(command.indexOf(">"))) || isForSecrets(whole.slice(2));
    return isRead ? [secret(start, start + (end < 0 ? body.length : end))] : [];
  });
}

function commandBefore(text: string, index: number): string {
  return (
    text
      .slice(Math.max(0, index - MAX_COMMAND), index)
      .split(/[|;&(]/)
      .at(-1) ?? ""
  );
}
