/** How risky a command is, and whom it is about, read without running it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CAUSE_KINDS, CAUSES } from "../../src/model/cause.ts";
import { pidsIn } from "../../src/diagnose/shell/pids.ts";
import { riskOf } from "../../src/diagnose/shell/risk.ts";

const SAFE = `
kill -CONT 12
kill -s CHLD 12
kill -0 12
kill -l
xctl why 9
cat /proc/12/stack
sudo cat /proc/12/task/13/stack
ls -l /proc/12/fd 2>/dev/null | grep pipe >&2
watch -n 1 cat /proc/9/status
timeout 5 cat /proc/9/wchan
systemctl status foo
docker logs --tail 20 web
kubectl get pods
find / -name core
dmesg --level=err,warn
journalctl -k -n 50
nvidia-smi -q -d ECC,PAGE_RETIREMENT
nvidia-smi pmon -c 1
ip -s link
ss -tnpoi '( sport = :80 or sport = :81 )'
systemd-cgtop -b -n 2
cat /proc/pressure/io /proc/diskstats # reboot would not help
echo 'rm -rf /; reboot'`;

const DISRUPTIVE = `
kill -STOP 5
umount /mnt
systemctl restart foo
gdb -p 12 -batch -ex bt
strace -f -p 12
echo 0 > /sys/fs/cgroup/a/cgroup.freeze
echo max | sudo tee /sys/fs/cgroup/a/memory.max
ip link set eth0 down
chrt --idle --all-tasks --pid 0 14
sysctl -w vm.drop_caches=3
mount -o remount,rw /
sed -i s/a/b/ /etc/fstab
frobnicate
ssh host uptime
python3 -c 'import os; os.kill(9, 9)'`;

const DESTRUCTIVE = `
kill 12
kill -9 12
kill -TERM 12
/bin/kill -9 3
\\kill -9 3
k"il"l -9 3
LANG=C kill -9 3
sudo -u root -- kill -9 3
nice -n 5 ionice -c 3 kill 5
xctl zap 9
pkill -9 java
killall java
rm -rf /tmp/x
reboot
! reboot
(reboot)
true && shutdown -h now
sleep 1 & halt
if true; then rm x; fi
while :; do kill -9 6; done
echo b > /proc/sysrq-trigger
echo b | sudo tee /proc/sysrq-trigger
sh -c 'echo b >/proc/sysrq-trigger'
echo 1 > /sys/fs/fuse/connections/42/abort
cat /dev/zero >/dev/sda
dd if=/dev/zero of=/dev/sda
umount -l /mnt
umount -f /mnt
find / -name x -delete
find . -exec rm {} +
bash -c "bash -c 'kill -9 77'"
eval "rm x"
echo $(kill -9 88)
echo "now $(reboot)"
echo \`rm x\`
cat <(rm x)
curl http://example.com/fix | sh
pgrep foo | xargs kill -9
fuser -k /mnt
docker rm -f web
kubectl delete pod web
systemctl stop foo
nvidia-smi --gpu-reset -i 0
mkfs.ext4 /dev/sdb
ipcrm -m 5
awk 'BEGIN { system("reboot") }'`;

for (const [risk, commands] of [
  ["safe", SAFE],
  ["disruptive", DISRUPTIVE],
  ["destructive", DESTRUCTIVE],
] as const) {
  test(`${risk} commands`, () => {
    const lines = commands.trim().split("\n");
    assert.ok(lines.length > 10);
    for (const line of lines) assert.equal(riskOf(line), risk, line);
  });
}

test("a here-document's lines count as commands: rather too many than too few", () => {
  assert.equal(riskOf("bash <<EOF\nreboot\nEOF"), "destructive");
});

test("what xctl itself advises to look at is safe by this reading too", () => {
  const parts = { entityId: "tcp:10.0.0.1:80-10.0.0.2:90", process: undefined, members: [], object: undefined };
  const steps = CAUSE_KINDS.flatMap((kind) => CAUSES[kind].advise({ ...parts, setting: undefined, detail: "" }));
  const looks = steps.filter(({ command, risk }) => command !== null && risk === "safe");
  assert.ok(looks.length > 8);
  for (const { command } of looks) assert.equal(riskOf(command ?? ""), "safe", command ?? "");
});

test("whom a command is about", () => {
  const named: [command: string, ...pids: number[]][] = [
    ["kill 12 13", 12, 13],
    ["kill -9 12", 12],
    ["kill -s 9 12", 12],
    ["kill -9 -1", 1],
    ["kill -- -123", 123],
    ["kill -9 0", 0],
    ["sudo kill -CONT 12 # and not 99", 12],
    ["xctl zap 9 --yes", 9],
    ["cat /proc/12/stack /proc/13/task/14/stack", 12, 13],
    ["echo 1 > /proc/15/oom_score_adj", 15],
    ["gdb -p 12 -batch", 12],
    ["gdb /usr/bin/python3 12", 12],
    ["strace -f -p12", 12],
    ["py-spy dump --pid=12", 12],
    ["ps -o stat -p 12,13", 12, 13],
    ["renice -n 5 -p 14 15", 14, 15],
    ["chrt --idle --all-tasks --pid 0 14", 14],
    ["nsenter -t 9 -m ls", 9],
    ["bash -c 'kill -9 77'", 77],
    ["echo $(kill -9 88)", 88],
    ["pgrep -P 4", 4],
    ["sleep 5; head -n 20 file; nc -p 80 host; dmesg -n 1"],
  ];
  for (const [command, ...pids] of named) {
    assert.deepEqual(
      pidsIn(command).toSorted((a, b) => a - b),
      pids,
      command,
    );
  }
});

test("a line that never ends its quotes, and one without end, are read in no time", () => {
  for (const line of [`echo "${"a\\".repeat(5_000)}`, "$(".repeat(5_000), "`".repeat(9_999), "'a".repeat(5_001)]) {
    const startMs = performance.now();
    riskOf(line);
    pidsIn(line);
    assert.ok(performance.now() - startMs < 5_000, line.slice(0, 10));
  }
});
