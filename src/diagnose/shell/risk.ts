/**
 * How much a command may do, by our own reading of it. A model's word is only taken for more than this, never for less.
 * Only what is known to do nothing but look is safe.
 */
import type { Risk } from "../../model/cause.ts";
import { commandsIn, type SimpleCommand } from "./commands.ts";

export function riskOf(line: string): Risk {
  return commandsIn(line).reduce<Risk>((worst, command) => greater(worst, riskOfOne(command)), "safe");
}

export function greater(one: Risk, other: Risk): Risk {
  return RANK.indexOf(one) > RANK.indexOf(other) ? one : other;
}

const RANK: readonly Risk[] = ["safe", "disruptive", "destructive"];

function riskOfOne({ words: [name = "", ...rest], writesTo }: SimpleCommand): Risk {
  const written = writesTo.reduce<Risk>((worst, file) => greater(worst, riskOfWriting(file)), "safe");
  if (name === "") return written;
  const judge = Object.hasOwn(JUDGES, name) ? JUDGES[name] : undefined;
  if (judge !== undefined) return greater(written, judge(rest));
  if (DESTRUCTIVE.test(name)) return "destructive";
  return LOOKS_ONLY.has(name) ? written : "disruptive";
}

function riskOfWriting(file: string): Risk {
  if (/^(?:\/dev\/(?:null|std(?:out|err)|tty)|\d|-)$/.test(file)) return "safe";
  const endsThings = /^\/proc\/sysrq-trigger$|^\/dev\/(?!shm\/)|\/abort$|\/cgroup\.kill$|\/reset$|\/remove$/;
  return endsThings.test(file) ? "destructive" : "disruptive";
}

const DESTRUCTIVE =
  /^(?:rm|rmdir|unlink|shred|dd|truncate|wipefs|fdisk|sfdisk|parted|sgdisk|blkdiscard|mkswap|mkfs(?:\..*)?|pkill|killall5?|skill|reboot|shutdown|halt|poweroff|init|telinit|kexec|ipcrm|scancel|(?:lv|vg|pv)remove|userdel|sh|bash|dash|zsh|ksh)$/;

const LOOKS_ONLY: ReadonlySet<string> = new Set(
  `[ atop awk base64 blkid cat cd chronyc cmp column cut date df diff dig du echo egrep export false fg fgrep file findmnt
  free getent getfacl grep head hexdump host hostname htop id ifstat iostat iotop ipcs jobs jq jstack last less ls lsattr
  lsblk lscpu lsfd lsipc lslocks lsmod lsns lsof lspci lsusb lsscsi man md5sum more mpstat mtr netstat nfsiostat nfsstat nl
  nproc nslookup nstat numastat od pgrep pidof pidstat ping pmap printenv printf ps pstree pwd pwdx readlink realpath rg sacct
  sar sha256sum showmount sinfo slabtop sleep sort squeue sstat ss stat strings systemd-cgls systemd-cgtop tac tail test top tr
  traceroute tracepath tree true type ulimit uname uniq uptime vmstat w wait wc which who whoami xxd zcat zgrep`
    .split(/\s+/)
    .filter((name) => name !== ""),
);

type Judge = (words: readonly string[]) => Risk;

const unless =
  (dangerous: RegExp, risk: Risk): Judge =>
  (words) =>
    words.some((word) => dangerous.test(word)) ? risk : "safe";

/** By the first word that is no option; what is in neither list may interrupt something. */
const bySubcommand =
  (safe: RegExp, destructive: RegExp): Judge =>
  (words) => {
    const subcommand = words.find((word) => !word.startsWith("-")) ?? "";
    if (destructive.test(subcommand)) return "destructive";
    return safe.test(subcommand) ? "safe" : "disruptive";
  };

const containers = bySubcommand(
  /^(?:ps|logs|inspect|stats|top|images|info|version|events|diff|port|)$/,
  /^(?:kill|rm|rmi|stop|prune|system|volume|container|down)$/,
);

const JUDGES: Readonly<Record<string, Judge>> = {
  kill: riskOfKill,
  xctl: (words) => (words[0] === "zap" && !words.includes("--dry-run") ? "destructive" : "safe"),
  tee: (words) =>
    words
      .filter((word) => !word.startsWith("-"))
      .reduce<Risk>((worst, file) => greater(worst, riskOfWriting(file)), "safe"),
  awk: unless(/system\s*\(|>|\|/, "destructive"),
  sed: unless(/^-[a-zA-Z]*i|^--in-place/, "disruptive"),
  find: unless(/^-(?:delete|exec|execdir|ok|okdir|fprint.*|fls)$/, "destructive"),
  fuser: unless(/^-[a-zA-Z]*k|^--kill$/, "destructive"),
  dmesg: unless(/^-[a-zA-Z]*[CcDEn]|^--(?:clear|read-clear|console)/, "disruptive"),
  journalctl: unless(/^--(?:vacuum|rotate|flush|sync|relinquish)/, "disruptive"),
  sysctl: unless(/=|^-[a-zA-Z]*[wp]|^--(?:write|load|system)/, "disruptive"),
  ip: unless(/^(?:set|add|del|delete|flush|change|replace|down|exec)$/, "disruptive"),
  ethtool: unless(/^-[ACGKLNprsEfX]$|^--(?:change|set|reset|pause|offload|flash)/, "disruptive"),
  smartctl: unless(/^-[tXso]|^--(?:test|abort|set)/, "disruptive"),
  taskset: (words) => (words.filter((word) => !word.startsWith("-")).length > 1 ? "disruptive" : "safe"),
  "nvidia-smi": (words) =>
    words.some((word) => /^(?:-r|--gpu-reset)$/.test(word))
      ? "destructive"
      : unless(
          /^-(?:pm|pl|e|p|c|ac|rac|lgc|rgc|lmc|rmc|am|caa|mig|cgi|dgi)$|^(?:drain)$/,
          "disruptive",
        )(words.filter((_, place) => words[0] !== "pmon" || place === 0)),
  "py-spy": bySubcommand(/^(?:dump|top|record)$/, /^$/),
  perf: bySubcommand(/^(?:top|stat|report|record|trace|list|sched)$/, /^$/),
  mount: (words) => (words.length === 0 || words.join() === "-l" ? "safe" : "disruptive"),
  umount: (words) =>
    words.some((word) => /^-[a-zA-Z]*[lf]|^--(?:lazy|force)$/.test(word)) ? "destructive" : "disruptive",
  systemctl: bySubcommand(
    /^(?:status|show|cat|list-.*|is-.*|get-default|)$/,
    /^(?:stop|kill|reboot|poweroff|halt|kexec|rescue|emergency|isolate|mask|suspend|hibernate)$/,
  ),
  docker: containers,
  podman: containers,
  nerdctl: containers,
  crictl: containers,
  kubectl: bySubcommand(/^(?:get|describe|logs|top|explain|version|events|)$/, /^(?:delete|drain|replace)$/),
  scontrol: bySubcommand(/^(?:show|ping)$/, /^(?:delete|reboot|shutdown|takeover)$/),
  zfs: bySubcommand(/^(?:list|get)$/, /^(?:destroy|rollback)$/),
  zpool: bySubcommand(/^(?:list|status|iostat|get|history)$/, /^(?:destroy|labelclear)$/),
};

/** signal(7): these end nobody. STOP and TSTP end nobody either, but who is stopped does no work. */
const HARMLESS_SIGNAL = /^(?:0|17|18|23|28|(?:SIG)?(?:CONT|CHLD|CLD|URG|WINCH))$/i;
const STOPPING_SIGNAL = /^(?:19|20|(?:SIG)?(?:STOP|TSTP))$/i;

function riskOfKill(words: readonly string[]): Risk {
  if (words[0] === "-l" || words[0] === "-L") return "safe";
  const named = words.findIndex((word) => /^(?:-s|-n|--signal)$/.test(word));
  const signal = named < 0 ? /^-(?:-signal=)?(\w+)$/.exec(words[0] ?? "")?.[1] : words[named + 1];
  if (signal === undefined) return "destructive";
  if (HARMLESS_SIGNAL.test(signal)) return "safe";
  return STOPPING_SIGNAL.test(signal) ? "disruptive" : "destructive";
}
