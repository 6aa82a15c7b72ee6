/** Options of well-known programs that take a secret, and are called so by nobody else: `mysql -pSECRET`, `curl -u`. */
import { secret, type Detector, type Span } from "./span.ts";
import { valueEnd } from "./values.ts";

interface Take {
  /** With the value in the same word: `-pSECRET`. */
  joined?: RegExp;
  /** With the value in the next word: `-a SECRET`. */
  next?: RegExp;
  /** Words between the option and the value, other options left aside. */
  skip?: number;
  /** Only what follows this in the value is the secret: `user:SECRET`. */
  after?: string;
}

const userAndPassword: Take = {
  next: /^(?:-u|-U|--user|--proxy-user|--userpwd|--auth|-a)$/,
  joined: /^(?:-u|--user=|--proxy-user=|--auth=)(?=.)/,
  after: ":",
};

const PROGRAMS: readonly [RegExp, readonly Take[]][] = [
  [/^(?:mysql\w*|mariadb[\w-]*|mycli|xtrabackup|mydumper|myloader|percona-\S+|pt-\S+)$/, [{ joined: /^-p(?=.)/ }]],
  [/^mongo\w*$/, [{ joined: /^-p(?=.)/, next: /^-p$/ }]],
  [/^sshpass$/, [{ joined: /^-p(?=.)/, next: /^-p$/ }]],
  [
    /^(?:curl|wget|http|https|xh|ab|siege|hey|wrk|aria2c|httping)$/,
    [
      userAndPassword,
      { next: /^(?:-b|--cookie)$/, joined: /^(?:-b|--cookie=)(?=.)/, after: "=" },
      { next: /^-[A-Za-z]*[uU]$/, after: ":" },
      { next: /^(?:-E|--cert|--proxy-cert)$/, after: ":" },
    ],
  ],
  [/^redis-\w+$/, [{ next: /^(?:-a|--pass)$/ }]],
  // `docker login`, `az login`, `oc login`: -p of `docker run` is a port.
  [/^login$/, [{ next: /^-p$/ }]],
  [/^(?:useradd|usermod|racadm|redfishtool|fence_\w+|beeline)$/, [{ next: /^-p$/ }]],
  [/^(?:frpc|k3s|rke2)$/, [{ next: /^-t$/ }]],
  [/^(?:swaks|sendemail)$/i, [{ next: /^-[ax]p$/ }]],
  [/^ssh-keygen$/, [{ joined: /^-[NP](?=.)/, next: /^-[NP]$/ }]],
  [/^(?:skopeo|buildah|oras|crane)$/, [{ next: /^--(?:src-|dest-)?creds$/, joined: /^--(?:src-|dest-)?creds=/ }]],
  [/^(?:7z\w*|rar|unrar)$/, [{ joined: /^-(?:p|hp)(?=.)/ }]],
  [
    /^(?:zip|unzip|mosquitto_(?:pub|sub|rr)|sqlcmd|bcp|isql|tsql|ipmitool|impala-shell)$/,
    [{ joined: /^-P(?=.)/, next: /^-P$/ }],
  ],
  [/^ldappasswd$/, [{ joined: /^-[was](?=.)/, next: /^-[was]$/ }]],
  [
    /^(?:ldap\w+|ipa-(?:client|replica)\S*|k?admin\.local|kadmin|addprinc|modprinc|cpw|change_password)$/,
    [{ joined: /^-w(?=.)/, next: /^-(?:w|pw)$/ }],
  ],
  [/^ipa-\S+$/, [{ next: /^-[apw]$/ }]],
  [/^(?:smbclient|rpcclient|mount\.cifs|net|wbinfo)$/, [{ next: /^-U$/, joined: /^(?:-U|--user=)(?=.)/, after: "%" }]],
  [/^(?:lftp|ncftp\w*|ftp)$/, [{ next: /^-u$/, after: "," }]],
  [/^(?:plink|pscp|psftp|putty)(?:\.exe)?$/, [{ next: /^-pw$/ }]],
  [/^x?freerdp\d?$/, [{ joined: /^\/p:/ }]],
  [/^rdesktop$/, [{ next: /^-p$/ }]],
  [/^snmp\w+$/, [{ next: /^-[cAX]$/ }]],
  [/^openssl$/, [{ next: /^-(?:k|K|passin|passout|pass|password)$/ }, { joined: /^(?:pass|env-pass):/ }]],
  [/^(?:sqlplus|sqlldr|expdp|impdp|rman)$/, [{ joined: /^\w+\/(?=[^/])/ }]],
  [
    /^(?:ht|mosquitto_)passwd$/,
    [
      { next: /^-(?=[a-zA-Z]*n)[a-zA-Z]*b[a-zA-Z]*$/, skip: 1 },
      { next: /^-(?![a-zA-Z]*n)[a-zA-Z]*b[a-zA-Z]*$/, skip: 2 },
    ],
  ],
  [/^(?:java|keytool|jarsigner)$/, [{ next: /^-(?:storepass|keypass|srcstorepass|deststorepass)$/ }]],
  [/^(?:clickhouse\S*|influx|cqlsh|vsql|hdbsql|exp|imp)$/, [{ next: /^-p$/ }]],
  [/^(?:impacket-\S+|crackmapexec|evil-winrm|hydra|medusa|xfreerdp)$/, [{ next: /^-p$/ }]],
];

const WORD = /\S+/g;

export const programOptions: Detector = (text) => {
  const spans: Span[] = [];
  let takes: readonly Take[] = [];
  let awaited: Take | undefined;
  for (const { 0: word, index } of text.matchAll(WORD)) {
    if (awaited !== undefined) {
      const { skip = 0, after } = awaited;
      const isOption = /^--?[A-Za-z](?:[a-z-]*|=.*)$/.test(word);
      if (skip === 0 && !isOption) mask(spans, text, index, index + word.length, after);
      if (!isOption) {
        awaited = skip === 0 ? undefined : { after, skip: skip - 1 };
        continue;
      }
      if (skip > 0) continue;
      awaited = undefined;
    }
    const program = word.length <= MAX_PROGRAM ? baseName(word) : "";
    const known = PROGRAMS.find(([name]) => name.test(program));
    if (known !== undefined) takes = known[1];
    for (const { joined, next, after, skip } of takes) {
      const quote = /^["']?/.exec(word)?.[0].length ?? 0;
      const prefix = joined?.exec(word.slice(quote))?.[0].length;
      if (prefix !== undefined) mask(spans, text, index + quote + prefix, index + word.length, after);
      if (next?.test(word) === true) awaited = { after, skip };
    }
  }
  return spans;
};

const MAX_PROGRAM = 256;

/** Also where it begins a script: `sh -c "mysql …"`. */
function baseName(word: string): string {
  const bare = word.replace(/^["'(`$]+|["')`;]+$/g, "");
  return bare.slice(bare.lastIndexOf("/") + 1).replace(/:$/, "");
}

/** What is quoted may be several words. `www-data:www-data` and `1000:1000` are a user and a group. */
function mask(spans: Span[], text: string, start: number, wordEnd: number, after: string | undefined): void {
  const end = /^\\?["']/.test(text.slice(start, start + 2)) ? Math.max(wordEnd, valueEnd(text, start)) : wordEnd;
  const value = text.slice(start, end);
  const from = after === undefined ? 0 : value.indexOf(after) + 1;
  if (/^["']{2}$/.test(value) || (after !== undefined && (from === 0 || isGroup(value, after)))) return;
  spans.push(secret(start + from, end));
}

function isGroup(value: string, after: string): boolean {
  const [user, group] = value.split(after, 2);
  return user === group || /^\d+$/.test(`${user}${group}`);
}
