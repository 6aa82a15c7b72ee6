import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { clean } from "../../../src/diagnose/redact/clean.ts";
import { Redactor } from "../../../src/diagnose/redact/redactor.ts";
import { COMMANDS_WITH_SECRETS, COMMANDS_WITHOUT } from "./commands.ts";
import { HARMLESS, leaksOf, sampleOf, SECRETS } from "./corpus.ts";

const EVERY_SECRET = [...SECRETS, ...COMMANDS_WITH_SECRETS];
const redacted = (text: string, strict = false) => new Redactor({ strict }).text(text);

test("the corpus is one", () => {
  assert.ok(new Set(SECRETS).size >= 60);
  for (const template of EVERY_SECRET) {
    const { line, secrets } = sampleOf(template, 1);
    assert.ok(
      secrets.some((secret) => leaksOf([secret], line).length > 0),
      template,
    );
  }
});

for (const template of EVERY_SECRET) {
  test(`masks ${template}`, () => {
    for (let seed = 1; seed <= 8; seed++) {
      const { line, secrets } = sampleOf(template, seed);
      for (const text of [line, line.toUpperCase() === line ? line : `2026-01-01 12:00:00 ERROR worker[12]: ${line}`]) {
        assert.deepEqual(leaksOf(secrets, redacted(text)), [], redacted(text));
      }
    }
  });
}

for (const [name, texts] of Object.entries({
  "harmless arguments": HARMLESS,
  "commands without one": COMMANDS_WITHOUT,
})) {
  test(`of ${name} hardly any is masked`, () => {
    assert.ok(new Set(texts).size >= 60);
    const masked = texts.filter((text) => redacted(text) !== text);
    assert.ok(masked.length <= 5, masked.map((text) => `${text}\n  ${redacted(text)}`).join("\n"));
  });
}

test("a text stays readable around what is masked", () => {
  const { line } = sampleOf("curl -u admin:{b62:12} -o /tmp/x https://bob:{b62:12}@files.example.com/x?page=2", 3);
  assert.equal(redacted(line), "curl -u admin:[secret-1] -o /tmp/x https://[secret-2]@files.example.com/x?page=2");
});

test("home folders and mail addresses are masked", () => {
  const homes = [`/home/${"alice"}/train.py`, `/Users/${"bob"}/x`, `C:\\Users\\${"carol"}\\x`, "/root/.cache"];
  assert.equal(redacted(homes.join(" ")), "[home-1]/train.py [home-2]/x [home-3]\\x [home-4]/.cache");
  assert.equal(redacted("/proc/1/root/etc chroot:/sysroot /rootfs"), "/proc/1/root/etc chroot:/sysroot /rootfs");
  assert.equal(redacted("to Alice.B@mail.example.com, git@github.com:a/b"), "to [mail-1], git@github.com:a/b");
});

test("control characters, escapes and what hides text are taken out before anything is looked for", () => {
  const { line, secrets } = sampleOf("ghp_{b62:36}", 5);
  const half = line.length / 2;
  for (const mark of [
    "\u200b",
    "\u202e",
    "\u001b[31m",
    "\u001b]0;title\u0007",
    "\u{e0041}",
    "\u00ad",
    "\ufe0f",
    "\ud800",
  ]) {
    const text = redacted(`a${mark}b ${line.slice(0, half)}${mark}${line.slice(half)}`);
    assert.deepEqual([text, leaksOf(secrets, text)], ["ab [secret-1]", []]);
  }
  assert.equal(redacted("a\0b\r\nc\td\u0085e\u2028f"), "a b c d e f");
});

test("the same secret has the same placeholder everywhere, another one another", () => {
  const redactor = new Redactor({ strict: false });
  const { line: first } = sampleOf("ghp_{b62:36}", 1);
  const { line: second } = sampleOf("ghp_{b62:36}", 2);
  assert.equal(redactor.text(`${first} ${second}`), "[secret-1] [secret-2]");
  assert.equal(redactor.text(`again ${second}`), "again [secret-2]");
  assert.equal(redactor.restore("is [secret-1]"), "is [secret-1]");
});

test("a password that one text gives away is masked in the others, an ordinary word is not", () => {
  const redactor = new Redactor({ strict: false });
  const password = "Gr33nHouse!";
  redactor.learn(`mysql --password=${password} shop`);
  redactor.learn("psql postgres://app:postgres@db/shop");
  assert.deepEqual(leaksOf([password], redactor.text(`x${password}y denied`)), []);
  assert.equal(redactor.text("postgres: checkpointer"), "postgres: checkpointer");
});

test("addresses and hosts stay where nobody asked for strict", () => {
  const text = "tcp:10.0.0.1:80-[2001:db8::1]:443 on node-17.example.internal";
  assert.equal(redacted(text), text);
});

test("strict masks addresses, also within ids, consistently, and gives them back", () => {
  const redactor = new Redactor({ strict: true });
  assert.equal(redactor.text("tcp:10.0.0.1:80-10.0.0.2:443"), "tcp:[addr-1]:80-[addr-2]:443");
  assert.equal(redactor.text("tcp:10.0.0.1:22-[2001:db8::5]:443"), "tcp:[addr-1]:22-[[addr-3]]:443");
  assert.equal(redactor.text("10.0.0.2 dev eth0 lladdr 52:54:00:12:34:56"), "[addr-2] dev eth0 lladdr [addr-4]");
  assert.equal(redactor.text("ping fe80::1%eth0, ::ffff:192.0.2.1."), "ping [addr-5]%eth0, [addr-6].");
  assert.equal(redactor.restore("tcp:[addr-1]:80-[addr-2]:443"), "tcp:10.0.0.1:80-10.0.0.2:443");
});

test("strict leaves what only looks like an address", () => {
  for (const text of [
    "127.0.0.1:8080 ::1 0.0.0.0:80 localhost",
    "lock:08:01:42 lock:fe:00:1234567 at 12:30:45",
    "at::native::cat std::cache v1.2.3.4 libnccl.so.2.21.5 120.0.6099.109",
    "pid-10/tid-12 pipe:[123] gpu-03 block:259:0 cgroup:/system.slice/nginx.service",
    "python3 train.py java.net.Socket torch.distributed.run model.safetensors",
  ]) {
    assert.equal(redacted(text, true), text);
  }
});

test("strict masks the names of hosts wherever they stand", () => {
  const redactor = new Redactor({ strict: true });
  redactor.learnHost("node-17");
  redactor.learn("torchrun --master_addr=head9 --rdzv_endpoint trainer-3:29500 train.py");
  redactor.learn("ssh -p 22 backup7 cat");
  const texts = [
    "node-17/pid-4711",
    "NODE-17.cluster.local up",
    "to head9",
    "trainer-3 is down",
    "from backup7",
    "db.internal:5432",
    "ip-10-0-0-1",
  ];
  const masked = texts.map((text) => redactor.text(text)).join("\n");
  assert.doesNotMatch(masked, /node-17|head9|trainer-3|backup7|internal|cluster|ip-10/i);
  assert.match(masked, /^\[host-1\]\/pid-4711\n/);
  assert.equal(redactor.restore("[host-1]/pid-4711"), "node-17/pid-4711");
});

/** Of what texts that confuse a masker are made. */
const PIECES = [
  ..."password token = : \" ' [ ] - -- 1 @ / \\ & ? %3D host is login cookie: :: ://".split(" "),
  ..."[secret-1] [addr-1] [host-2] secret-1 10.0.0.1 a@b.com ghp_abcdef sk-ant-abcd fe80::1 node-1:80 密码".split(" "),
  ..."Authorization: aB3xK9qLmZ7wRt2Yv5Np ".split(" "),
  ...[" ", "\n", "curl -u ", "mysql -p", "Bearer ", "\u001b[", "\u200b", "/home/"],
];
const confusing = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: "grapheme", maxLength: 3 })), { maxLength: 14 })
  .map((pieces) => pieces.join(""));

for (const strict of [false, true]) {
  test(`masking what is masked changes nothing, and every text can be masked${strict ? ", strict" : ""}`, () => {
    fc.assert(
      fc.property(confusing, (text) => staysMasked(text, strict)),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => staysMasked(text, strict)),
      { numRuns: 300 },
    );
  });
}

function staysMasked(text: string, strict: boolean): void {
  const redactor = new Redactor({ strict });
  redactor.learn(text);
  const once = redactor.text(text);
  assert.equal(redactor.text(once), once);
  assert.equal(clean(once), once);
  assert.equal(withoutNumbers(new Redactor({ strict }).text(once)), withoutNumbers(once));
}

function withoutNumbers(text: string): string {
  return text.replace(/-\d+\]/g, "]");
}

const WORST = [
  ..."a A 0 - _ . / : = @ :// a: a@ a. -a--a password= a:b@c :// ://a:b@ [secret-1] [secret-1]a 10.0.0.1: 1. :: a:: aa:".split(
    " ",
  ),
  ..."eyJ eyJa. sk- sk-a hf_ gh AKIA xoxb- SG. 1//0 %3D &key= ?k=aaaaaaaaaaaaaaaaaaaa 8f14e45f- MMMM".split(" "),
  ...["--password ", "password: ", 'password="', '\\"', "'", "Cookie: a=b; ", 'digest a="', "digest a=b ", "login a "],
  ...[
    "git a ",
    "docker a a a a ",
    "ssh -a -a ",
    "curl -u a:b ",
    "mysql -pa ",
    "shim -id ",
    "\u001b[",
    "\u001b]0;",
    "\u200b",
  ],
  ...[
    "echo a | ",
    "echo 'a ",
    "echo ",
    "(echo a; ",
    "<<< ",
    "su <<a ",
    "<<a > b ",
    "password ",
    "set a.password ",
    "a -v ",
  ],
  ...[
    "-u a:b ",
    "-u a -p ",
    "user=a%",
    "a:12:b:c:",
    '.auth("a", ',
    "mc alias set a ",
    "mc alias set 'a ",
    "radtest -x ",
    "radtest a ",
  ],
  ...[
    "redis-cli a ",
    "redis-cli ACL SETUSER a ",
    "vault login -a ",
    "openssl passwd -a ",
    "net use \\\\a ",
    "grep a secret ",
    "auth=",
  ],
  ...["-----BEGIN PRIVATE KEY----- ", `/home/${"a"} `, "aB3xK9qLmZ7wRt2Yv5Np/", "3f4e5d6c7b8a9f0e1d2c3b4a5f6e7d8c "],
];
const WORST_LENGTH = 64 * 1024;
/** Of the processor's time; a pattern that is not linear takes minutes. */
const MAX_CPU_MS = 3000;

test("no text of 64 KiB takes long", () => {
  for (const strict of [false, true]) {
    for (const piece of WORST) {
      const text = piece.repeat(Math.ceil(WORST_LENGTH / piece.length)).slice(0, WORST_LENGTH);
      const before = process.cpuUsage();
      const redactor = new Redactor({ strict });
      redactor.learn(text);
      redactor.text(text);
      const { user, system } = process.cpuUsage(before);
      assert.ok((user + system) / 1000 < MAX_CPU_MS, `${JSON.stringify(piece)}: ${(user + system) / 1000} ms`);
    }
  }
});

test("of a text that is too long no half of a word is left", () => {
  const { line, secrets } = sampleOf("{b62:40}", 9);
  const text = redacted(`${"word ".repeat(13_105)}${line}`);
  assert.ok(text.length <= 64 * 1024);
  assert.deepEqual(leaksOf(secrets, text), []);
});
