/** Programs that take a secret as a word without an option: only its place says what it is. */
import { secret, type Detector, type Span } from "./span.ts";
import { isHarmless, isOption, valueEnd } from "./values.ts";

const OPTIONS = String.raw`(?:--?\w\S{0,64} (?:\w+://\S+ )?){0,6}?`;
const WORD = String.raw`(?:"[^"]{0,128}"|'[^']{0,128}'|(?!-)\S{1,256}) `;

/** What stands before the secret, from the program's name on; and how many words are one. */
const BEFORE: readonly [string, number?][] = [
  // MinIO's client: the name and its secret.
  [String.raw`mc(?:li)? ${OPTIONS}(?:alias set|config host add) ${WORD}${WORD}`, 2],
  [String.raw`mc(?:li)? ${OPTIONS}admin user add ${WORD}${WORD}`],
  [String.raw`rabbitmqctl (?:-\S+ ${WORD}){0,4}?(?:add_user|change_password|authenticate_user) (?:-- )?${WORD}`],
  [String.raw`radtest (?:-[tP] ${WORD}|-\S+ ){0,6}${WORD}`],
  [String.raw`radtest (?:-[tP] ${WORD}|-\S+ ){0,6}${WORD}${WORD}${WORD}${WORD}`],
  [String.raw`net(?:\.exe)? use (?:\w:? )?\\\\\S+ (?:/user:\S+ )?`],
  [String.raw`net(?:\.exe)? user ${WORD}`],
  [String.raw`ipa passwd ${WORD}`],
  [String.raw`samba-tool user (?:create|add) ${WORD}`],
  [String.raw`ejabberdctl (?:register|change_password|check_password) ${WORD}${WORD}`],
  [String.raw`poetry config http-basic\.\S{1,64} ${WORD}`],
  [String.raw`smbclient //\S{1,256} `],
  [String.raw`isql ${OPTIONS}${WORD}${WORD}`],
  [String.raw`wpa_passphrase ${WORD}`],
  // A key by itself.
  [String.raw`(?:wandb|vault|cargo|flyctl|railway) login ${OPTIONS}`],
  [String.raw`vault (?:operator )?unseal ${OPTIONS}`],
  [String.raw`ngrok authtoken `],
  [String.raw`rclone obscure `],
  [String.raw`redis-cli (?:\S{1,128} ){0,12}?AUTH (?:default )?`],
  [String.raw`redis-cli (?:\S{1,128} ){0,12}?AUTH \S{1,64} `],
  [String.raw`redis-cli (?:\S{1,128} ){0,12}?ACL SETUSER \S{1,64} (?:\S{1,128} ){0,8}?>`],
  [String.raw`openssl passwd (?:-salt ${WORD}|-\w+ ){0,6}`],
  [String.raw`mkpasswd (?:-[mSR] ${WORD}|-\S+ ){0,6}`],
  [String.raw`ansible-vault encrypt_string (?:--?(?:name|n|vault-\S+) ${WORD}|-\S+ ){0,6}`],
  [String.raw`qpdf (?:\S{1,128} ){0,6}?--encrypt `, 2],
];
const PLACES = BEFORE.map(([before, words = 1]) => ({
  pattern: new RegExp(`(?<![\\w.-])${before}(?=[^\\s-])`, "gi"),
  words,
}));

export const positions: Detector = (text) => PLACES.flatMap(({ pattern, words }) => after(text, pattern, words));

function after(text: string, pattern: RegExp, words: number): Span[] {
  return Array.from(text.matchAll(pattern)).flatMap(({ 0: whole, index }) => {
    const spans: Span[] = [];
    let start = index + whole.length;
    for (let word = 0; word < words && start < text.length && !isOption(text, start); word++) {
      const end = valueEnd(text, start);
      const value = text.slice(start, end);
      if (!isHarmless(value) && !/^\/\w+:|^\w+=|^[|;&<>]/.test(value)) spans.push(secret(start, end));
      start = end + 1;
    }
    return spans;
  });
}
