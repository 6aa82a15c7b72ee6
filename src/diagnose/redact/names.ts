/** Whether a name says that its value is a secret: of an option, a variable, a header, a field of JSON. Pure text in. */

/** Wherever in the name: DB_PASSWORD, TOKEN_PROD, clientSecret. */
const SECRET_WORDS: ReadonlySet<string> = new Set(
  (
    "password passwd passwort passphrase passcode psk secret secrets token apikey apitoken accesskey secretkey " +
    "privatekey authkey authtoken accesstoken credential credentials creds jwt csrf xsrf sshpass 密码 口令 密钥 令牌 凭据"
  ).split(" "),
);

/** As the name's last word; before others they are words of other trades: pin_memory, pass-through. */
const SECRET_ENDS: ReadonlySet<string> = new Set(
  "pass pwd pw cookie bearer totp mfa otp pin signature sig sas community webhook".split(" "),
);

/** Two words in a row. */
const SECRET_PAIRS: ReadonlySet<string> = new Set(
  (
    "api access secret private auth encryption decryption signing signature master account shared storage service license deploy hmac aes app " +
    "application consumer subscription functions host primary secondary publishable server client db wandb jwt root sas user"
  )
    .split(" ")
    .map((word) => `${word} key`)
    .concat(["basic auth", "http auth"]),
);

/** May hold one: the value decides. */
const WEAK_WORDS: ReadonlySet<string> = new Set(
  "auth basicauth httpauth proxyauth key session sessid sid code nonce salt state".split(" "),
);

/** What a name ends on that tells of the secret and does not hold it: --token-file, max_token_length. */
const ABOUT = new Set(
  (
    "file files path dir directory folder name names id ids type types mode sock socket ttl timeout len length count " +
    "size limit max min ref expiry expires expiration policy provider endpoint method env var variable enabled disabled " +
    "format algorithm alg algo version required prompt interval budget usage rate batch url uri host port store stdin " +
    "fd helper command cmd backend source manager mount volume namespace index num dim classes embeddings style mask " +
    "prefix suffix separator sep position char rotation strength validator attempts retries hint label description"
  ).split(" "),
);

/** Whoever has it is let in, though it is called an id. */
const SESSION = /^(?:session|connect) s?id$|^(?:.* )?(?:php|j)?sess(?:ion)?id$/;

/** Words that only end like one. */
const LOOKALIKE = /(?:by|com|sur|over|under|tres|en|im|two|multi|single|per|max|min|first|last)pass$/;

export type Sensitivity = "secret" | "weak" | "no";

export function sensitivityOf(name: string): Sensitivity {
  if (name === "PWD" || name === "OLDPWD") return "no";
  const words = wordsOf(name);
  const last = words.at(-1);
  if (SESSION.test(words.slice(-2).join(" "))) return "secret";
  if (last === undefined || ABOUT.has(last)) return "no";
  const isSecret = words.some(
    (word, at) =>
      SECRET_WORDS.has(word) ||
      (word === last && SECRET_ENDS.has(word)) ||
      (/(?:password|passwd|passphrase|secret|apikey|authtoken|accesstoken|secretkey|密码|口令|密钥|令牌)$/.test(word) &&
        word.length < 40) ||
      (/(?:pass|pwd|pw|token)$/.test(word) && word.length < 20 && word.length > 4 && !LOOKALIKE.test(word)) ||
      (at > 0 && SECRET_PAIRS.has(`${words[at - 1]} ${word}`)),
  );
  if (isSecret) return "secret";
  return words.some((word) => WEAK_WORDS.has(word)) ? "weak" : "no";
}

/** `auth=…` and `REDISCLI_AUTH=…`: what lets somebody in, or how that is done. */
export function isWayIn(name: string): boolean {
  return wordsOf(name).at(-1)?.endsWith("auth") === true;
}

/** What a word says of a secret beside it: `token budget`. */
export function isAbout(word: string): boolean {
  return ABOUT.has(word.toLowerCase());
}

/** `clientSecret`, `CLIENT_SECRET`, `client-secret` → client, secret. */
function wordsOf(name: string): string[] {
  return name
    .slice(-MAX_NAME)
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "");
}

/** Of a longer one the end tells. */
const MAX_NAME = 80;
