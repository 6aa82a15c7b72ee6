/** Each rule of the package on an event log of what it is about, and on the same log without what decides. */
import assert from "node:assert/strict";
import { globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { matchingRules } from "../../../src/diagnose/rules/best.ts";
import { loadRules } from "../../../src/diagnose/rules/load.ts";
import { reportFromRules } from "../../../src/diagnose/rules/report.ts";
import type { Attrs, Event } from "../../../src/model/event.ts";
import { caseOf, logOf } from "./case.ts";

interface Proof {
  /** What the explanation says, beside what the case itself shows. */
  says: RegExp;
  /** Commands that are offered, among others. */
  commands: string[];
  cites: string[];
  /** The events that are nearly the same; each of these ways alone. */
  nearly: Change | Change[];
}

type Change = (events: readonly Event[]) => Event[];

/** Without the event at this place; the first is 0. */
const without = (place: number) => (events: readonly Event[]) => events.filter((_, other) => other !== place);

/** With another value, or other attributes, at this place. */
const changed =
  (place: number, value: string | undefined, attrs: Attrs = {}, rest: Partial<Event> = {}) =>
  (events: readonly Event[]) =>
    events.map((event, other) =>
      other === place ? { ...event, ...rest, value: value ?? event.value, attrs: { ...event.attrs, ...attrs } } : event,
    );

/** As if nobody had told of a job. */
const withoutJob = (events: readonly Event[]) => events.map((event) => ({ ...event, job_id: null }));

/** As if the GPU were a card of another vendor's. */
const onCard = (events: readonly Event[]) =>
  events.map((event) => (event.entity_id === "gpu-03" ? { ...event, entity_id: "gpu-card1" } : event));

const FAR = "tcp:10.0.0.1:41000-10.0.0.9:29500";

const PROOFS: Record<string, Proof> = {
  "gpu-fell-off-bus": {
    says: /no longer reach gpu-03 over PCIe/,
    commands: ["sudo nvidia-bug-report.sh"],
    cites: ["pid-500", "gpu-03"],
    nearly: [
      changed(2, "XID_45:cleanup after error"),
      // A card of another vendor's, as the probe drm tells it.
      (events) => changed(2, "GPU_LOST")(onCard(events)),
    ],
  },
  "gpu-memory-uncorrected": {
    says: /does not say whose data they were/,
    commands: ["sudo nvidia-smi --gpu-reset -i 3"],
    cites: ["pid-500", "gpu-03"],
    nearly: ["XID_94", "XID_95", "ECC_UNCORRECTED:2 new", "RESET_REQUIRED"].map((value) => changed(2, value)),
  },
  "gpu-memory-uncontained": {
    says: /nor kept to the program whose memory it was/,
    commands: ["sudo nvidia-smi --gpu-reset -i 3"],
    cites: ["pid-500", "gpu-03"],
    nearly: ["XID_48", "XID_140", "ECC_UNCORRECTED:2 new"].map((value) => changed(2, value)),
  },
  "gpu-memory-counted": {
    says: /tells neither whose data they were nor whether others were kept from harm/,
    commands: ["nvidia-smi -q -d ECC,ROW_REMAPPER,PAGE_RETIREMENT -i 3"],
    cites: ["pid-500", "gpu-03"],
    // A warning: who only uses the GPU is not held up by it.
    nearly: without(2),
  },
  "gpu-reset-required": {
    says: /What went wrong before, it does not say here/,
    commands: ["sudo nvidia-smi --gpu-reset -i 3"],
    cites: ["pid-500", "gpu-03"],
    nearly: changed(2, "XID_95:uncontained memory error"),
  },
  "gpu-memory-contained": {
    says: /only the application that used that memory is hit/,
    commands: ["xctl zap 500", "nvidia-smi -q -d ROW_REMAPPER -i 3"],
    cites: ["pid-500", "gpu-03"],
    nearly: changed(2, undefined, {}, { pid: 501 }),
  },
  "gpu-row-remap": {
    says: /bad memory to be taken out of use/,
    commands: ["nvidia-smi -q -d ROW_REMAPPER,PAGE_RETIREMENT -i 3"],
    cites: ["pid-500", "gpu-03"],
    nearly: changed(2, undefined, { severity: "warning" }),
  },
  "gpu-application-fault": {
    says: /Its CUDA context is gone/,
    commands: ["xctl zap 500"],
    cites: ["pid-500", "gpu-03"],
    nearly: changed(2, undefined, {}, { pid: 501 }),
  },
  "gpu-nvlink": {
    says: /Collectives over it hang/,
    commands: ["nvidia-smi nvlink -e -i 3"],
    cites: ["pid-500", "gpu-03"],
    // Their numbers are near those of NVLink; they are of ECC, of video, and of the start of a GPU.
    nearly: ["XID_79", "XID_140", "XID_142", "XID_143", "XID_137"].map((value) => changed(2, value)),
  },
  "gpu-gsp": {
    says: /firmware that runs gpu-03/,
    commands: ["sudo nvidia-smi --gpu-reset -i 3"],
    cites: ["pid-500", "gpu-03"],
    nearly: changed(2, undefined, { ended: true }),
  },
  "gpu-throttled": {
    says: /clocks are held down, and python3 \(500\) waits for it/,
    commands: ["nvidia-smi -q -d PERFORMANCE,TEMPERATURE,POWER -i 3"],
    cites: ["pid-500", "gpu-03"],
    // Who only uses it is not held up by it.
    nearly: without(2),
  },
  "collective-rank-halted": {
    says: /python3 \(30\) waits for python3 \(31\)/,
    commands: ["kill -CONT 31"],
    cites: ["pid-30", "pid-31"],
    nearly: withoutJob,
  },
  "collective-rank-in-storage": {
    says: /waits in a collective for python3 \(31\).*\(\/dev\/vdb\)/,
    commands: ["cat /proc/pressure/io"],
    cites: ["pid-30", "pid-31", "block:254:16"],
    nearly: withoutJob,
  },
  "collective-rank-gone": {
    says: /python3 \(32\) has ended, and python3 \(30\) is in a collective/,
    commands: ["sudo dmesg --level=err,warn,info"],
    cites: ["pid-30", "pid-32"],
    nearly: [without(5), withoutJob],
  },
  "collective-deadlock": {
    says: /python3 \(31\) has the lock \(\/data\/index\.lock\) and waits in a collective for python3 \(32\)/,
    commands: ["sudo py-spy dump --nonblocking --pid 31"],
    cites: ["pid-30", "pid-31", "pid-32"],
    nearly: [without(4), changed(2, "stopped")],
  },
  "collective-rank-late": {
    says: /waits in a collective for python3 \(32\), which runs and is not in it yet/,
    commands: ["sudo py-spy dump --nonblocking --pid 32"],
    cites: ["pid-30", "pid-32"],
    // Its GPU is at work as well; another one's rests too.
    nearly: [changed(7, "98"), changed(4, "0"), withoutJob],
  },
  "collective-held-up": {
    says: /waits in a collective for python3 \(32\), which is not in it, for the reason told above/,
    commands: ["sudo py-spy dump --nonblocking --pid 32"],
    cites: ["pid-30", "pid-32"],
    nearly: [withoutJob, changed(5, "futex", {}, { entity_id: "futex:32:7f00aa" })],
  },
  "collective-interface-down": {
    says: /The ranks of the job talk over eth1/,
    commands: ["ip -s -d link show dev eth1", "sudo ip link set dev eth1 up"],
    cites: ["pid-30", "eth1"],
    nearly: changed(1, undefined, { over: "eth0" }),
  },
  "collective-peer-unreachable": {
    says: /not even by the other host's kernel/,
    commands: ["ss -tnoi state established"],
    cites: ["pid-30", FAR],
    nearly: changed(1, undefined, { cause: "network.peer_not_reading" }),
  },
  "rendezvous-blocked": {
    says: /neither an acceptance nor a refusal/,
    commands: ["ss -tno state syn-sent", "sudo nft list ruleset"],
    cites: ["pid-30", FAR],
    nearly: changed(1, "tcp.recv"),
  },
  "collective-peer-silent": {
    says: /that rank is not in the collective/,
    commands: ["xctl why"],
    cites: ["pid-30", FAR],
    nearly: withoutJob,
  },
  "rdma-port-down": {
    says: /The port mlx5_0\/1 was active and is down/,
    commands: ["rdma link show mlx5_0/1"],
    cites: ["pid-30", "mlx5_0/1"],
    nearly: (events) =>
      events.map((event) => (event.entity_id === "mlx5_0/1" ? { ...event, entity_id: "eth0" } : event)),
  },
  "link-down": {
    says: /go over eth1, which is down/,
    commands: ["sudo ip link set dev eth1 up"],
    cites: ["pid-40", "eth1"],
    nearly: changed(2, undefined, { ended: true }),
  },
  "lossy-link": {
    says: /must be sent again and again/,
    commands: ["ip -s -s link"],
    cites: ["pid-40", FAR],
    nearly: without(2),
  },
  "accept-queue": {
    says: /api-server \(61\) has not accepted yet/,
    commands: ["kill -CONT 61", "ss -tlnp"],
    cites: ["pid-60", "pid-61"],
    // One that has accepted it is its peer.
    nearly: changed(2, "peer"),
  },
  "checkpoint-slow-storage": {
    says: /\/dev\/vdb, which takes long to answer/,
    commands: ["cat /proc/pressure/io /proc/diskstats"],
    cites: ["pid-500", "block:254:16"],
    nearly: without(1),
  },
  "storage-slow": {
    says: /request of rsync \(510\) is with \/dev\/vdb/,
    commands: ["cat /proc/pressure/io /proc/diskstats"],
    cites: ["pid-510", "block:254:16"],
    nearly: changed(1, undefined, { cause: "storage.throttled" }),
  },
  "checkpoint-disk-full": {
    says: /checkpoints and logs are cut short/,
    commands: [],
    cites: ["pid-500", "fs:/data/runs"],
    nearly: without(1),
  },
  "disk-full": {
    says: /still open take their room/,
    commands: ["sudo lsof +L1 /data/runs"],
    cites: ["pid-520", "fs:/data/runs"],
    nearly: [
      changed(1, "FS_READ_ONLY:2 errors counted"),
      // Nothing shows whose files could not be made.
      changed(1, "INODES_FULL:0 of 65536 inodes free"),
    ],
  },
  "disk-io-error": {
    says: /Requests to \/dev\/sdb fail/,
    commands: ["sudo dmesg --level=err,warn"],
    cites: ["pid-530", "block:8:16"],
    nearly: [
      changed(1, undefined, { cause: "storage.slow" }),
      ...[
        "EXT4-fs error (device sdb1): ext4_find_entry:1684: inode #2: comm ls: reading directory lblock 0",
        "EXT4-fs (sdb1): Remounting filesystem read-only",
        "nvme nvme0: I/O 5 QID 1 timeout, aborting",
        "sd 2:0:1:0: [sdb] tag#12 abort scheduled",
      ].map((observed) => changed(1, undefined, { observed })),
    ],
  },
  "nvme-controller-dead": {
    says: /controller of \/dev\/nvme0n1 does not answer/,
    commands: ["sudo nvme list"],
    cites: ["pid-530", "nvme0n1"],
    nearly: [changed(1, undefined, { over: "nvme1n1" }), changed(2, "IO_ERROR:I/O error, dev nvme0n1, sector 8")],
  },
  "scsi-reset": {
    says: /\/dev\/sdb has not answered a request in time/,
    commands: ["sudo dmesg --level=err,warn"],
    cites: ["pid-532", "sdb"],
    nearly: (events) => {
      const observed = "I/O error, dev sdb, sector 2048 op 0x0:(READ)";
      return changed(2, `IO_ERROR:${observed}`, { observed })(changed(1, undefined, { observed })(events));
    },
  },
  "fs-read-only": {
    says: /met errors on \/var\/lib\/pg and lets nobody write/,
    commands: ["sudo fuser -vm /var/lib/pg"],
    cites: ["pid-540", "fs:/var/lib/pg"],
    nearly: changed(1, "FS_FULL:0 of 107374182400 bytes available to ordinary users"),
  },
  "fs-error": {
    says: /The file system on \/dev\/sdb1 has met errors lately/,
    commands: ["sudo dmesg --level=err,warn"],
    cites: ["pid-531", "block:8:17"],
    nearly: [
      changed(1, undefined, { observed: "I/O error, dev sdb, sector 2048 op 0x0:(READ)" }),
      changed(1, undefined, { observed: "EXT4-fs (sdb1): Remounting filesystem read-only" }),
    ],
  },
  "io-limit": {
    says: /The disk is not slow/,
    commands: ["systemd-cgtop -b -n 2 -i"],
    cites: ["pid-550", "block:254:0"],
    nearly: changed(1, undefined, { cause: "storage.slow" }),
  },
  "fs-frozen": {
    says: /\/data is frozen: every write/,
    commands: ["sudo fsfreeze --unfreeze /data"],
    cites: ["pid-560", "fs:254:16"],
    nearly: changed(1, "block.io", { cause: "storage.slow" }),
  },
  "fuse-dead": {
    says: /process that serves it is gone/,
    commands: ["sudo fusermount3 -uz '/mnt/bucket one'"],
    cites: ["pid-570", "fuse:61"],
    nearly: changed(1, undefined, { cause: "unknown" }),
  },
  "fuse-server-network": {
    says: /its server gcsfuse \(571\) waits for the store/,
    commands: ["sudo lsof -nP -a -i -p 571"],
    cites: ["pid-570", "pid-571", "fuse:61"],
    nearly: without(4),
  },
  "fuse-server-halted": {
    says: /served by sshfs \(571\), which does not run/,
    commands: ["kill -CONT 571", "sudo fusermount3 -uz /mnt/bucket"],
    cites: ["pid-570", "pid-571"],
    nearly: changed(3, "sleeping"),
  },
  "nfs-server-gone": {
    says: /waits for the server of \/nfs data \(nas:\/export\)/,
    commands: ["nfsstat -m", "sudo umount -f -l '/nfs data'"],
    cites: ["pid-580", "fs:nas:/export"],
    nearly: changed(1, undefined, { cause: "storage.slow" }),
  },
  "data-loader-storage": {
    says: /next batch from its data-loader worker python3 \(601\)/,
    commands: ["sudo ls -l /proc/601/fd"],
    cites: ["pid-600", "pid-601", "fs:nas:/data"],
    nearly: without(5),
  },
  "data-loader-worker-halted": {
    says: /next batch from pt_data_worker \(601\)/,
    commands: ["kill -CONT 601"],
    cites: ["pid-600", "pid-601"],
    nearly: changed(4, undefined, { comm: "tee" }),
  },
  "data-loader-worker-dead": {
    says: /the worker at the other end has ended/,
    commands: ["df -h /dev/shm", "xctl zap 600"],
    cites: ["pid-600", "pipe:7001"],
    nearly: changed(0, undefined, { comm: "grep" }),
  },
  "oom-cgroup": {
    says: /memory cgroup of python3 \(610\) has reached its limit/,
    commands: ["ps -eo pid,rss,cgroup,comm --sort=-rss"],
    cites: ["pid-610", "cgroup:/kubepods/pod7"],
    nearly: changed(1, "memory.reclaim", { cause: "memory.reclaim" }),
  },
  "memory-thrash": {
    says: /writes pages out and reads them back/,
    commands: ["cat /proc/pressure/memory"],
    cites: ["pid-611", "memory"],
    nearly: changed(1, "block.io", { cause: "storage.slow" }),
  },
  "cpu-quota": {
    says: /used up its CPU time for this period/,
    commands: ["echo 400000 | sudo tee /sys/fs/cgroup/kubepods/pod7/cpu.max"],
    cites: ["pid-612", "cgroup:/kubepods/pod7"],
    nearly: changed(1, "cpu.runqueue", { cause: "cpu.starved" }),
  },
  "cpu-starved-by-realtime": {
    says: /a thread with a real-time policy/,
    commands: ["ps -eLo pid,tid,cls,rtprio,psr,pcpu,comm --sort=-rtprio"],
    cites: ["pid-613", "pid-614", "cpu:3"],
    nearly: changed(2, undefined, { observed: "ran 1 % and waited 99 % of 8.0 s, with SCHED_FIFO 1" }),
  },
  "cpu-starved": {
    says: /bound to CPUs that others fill/,
    commands: ["taskset -acp 613"],
    cites: ["pid-613", "pid-614", "cpu:3"],
    nearly: without(2),
  },
  "container-paused": {
    says: /container of redis-server \(621\) is paused/,
    commands: ["docker ps --filter status=paused"],
    cites: ["pid-620", "pid-621"],
    nearly: changed(3, undefined, { source: "/sys/fs/cgroup/system.slice/redis.service/cgroup.events" }),
  },
  "cgroup-frozen": {
    says: /suspends a job/,
    commands: ["echo 0 | sudo tee /sys/fs/cgroup/system.slice/slurmstepd.scope/job_9/cgroup.freeze"],
    cites: ["pid-622"],
    nearly: changed(0, "stopped"),
  },
  "debugger-attached": {
    says: /gdb \(631\) is attached/,
    commands: ["ps -o pid,ppid,tty,user,lstart,args -p 631"],
    cites: ["pid-630", "pid-631"],
    nearly: changed(2, undefined, { comm: "my-sandbox" }),
  },
  "stopped-by-terminal": {
    says: /SIGTTIN, SIGTTOU/,
    commands: ["fg"],
    cites: ["pid-640"],
    nearly: changed(0, undefined, { observed: "state T (stopped)" }),
  },
  "pipe-reader-stopped": {
    says: /make \(650\) has filled the buffer/,
    commands: ["kill -CONT 651"],
    cites: ["pid-650", "pid-651"],
    nearly: changed(1, "pipe.read"),
  },
  "zombie-parent-stuck": {
    says: /supervisor \(661\) should collect its exit status and cannot/,
    commands: ["cat /proc/self/mountinfo"],
    cites: ["pid-660", "pid-661"],
    nearly: without(2),
  },
  "zombie-not-reaped": {
    says: /until supervisor \(661\) collects its exit status/,
    commands: ["kill -CHLD 661", "ps -o pid,stat,comm --ppid 661"],
    cites: ["pid-660", "pid-661"],
    nearly: changed(1, "stopped"),
  },
  "lock-held-by-sleeper": {
    says: /sleep \(671\) has it and does nothing with it/,
    commands: ["ps -o pid,ppid,user,lstart,args -p 671", "xctl zap 671"],
    cites: ["pid-670", "pid-671"],
    // An owner at work is no sleeper.
    nearly: (events) => changed(3, "running")(events).slice(0, -1),
  },
  "package-manager-lock": {
    says: /unattended-upgr \(673\) is at it already \(\/var\/lib\/dpkg\/lock-frontend\)/,
    commands: ["ps -o pid,ppid,user,lstart,args -p 673", "sudo dpkg --configure -a"],
    cites: ["pid-672", "pid-673"],
    nearly: changed(1, undefined, { label: "/var/lib/app/lock" }),
  },
  "fork-with-threads": {
    says: /python3 \(680\) was forked while another thread/,
    commands: ["xctl zap 680"],
    cites: ["pid-680"],
    nearly: changed(1, undefined, { observed: "mutex at 0x7f00dead: owner 689 is no thread of 680" }),
  },
  "lock-owner-dead": {
    says: /ended without releasing it: it was killed/,
    commands: ["xctl zap 681"],
    cites: ["pid-681"],
    nearly: changed(1, undefined, { holder: "hidden" }),
  },
  "deadlock-pipes": {
    says: /write to each other while neither reads/,
    commands: ["xctl zap 691"],
    cites: ["pid-690", "pid-691"],
    nearly: without(5),
  },
  "deadlock-locks": {
    says: /two locks are taken in different orders/,
    commands: ["xctl zap 691", "sudo gdb -p 690 -batch -ex 'thread apply all bt'"],
    cites: ["pid-690", "pid-691"],
    nearly: without(5),
  },
  "batch-terminal-input": {
    says: /belongs to a job that nobody sits in front of/,
    commands: ["xctl zap 695"],
    cites: ["pid-695"],
    nearly: withoutJob,
  },
};

// No rules of this machine's beside the package's.
const noRules = mkdtempSync(join(tmpdir(), "xctl-no-rules-"));
after(() => rmSync(noRules, { recursive: true }));
const { rules, problems } = await loadRules({ env: { XCTL_RULES_DIR: noRules } });
const ids = rules.map(({ id }) => id).toSorted();

test("the package's rules are in order, and there are enough of them", () => {
  assert.deepEqual(problems, []);
  assert.ok(rules.length >= 25);
});

test("every rule has its log and its proof, and there are no others", () => {
  const logs = globSync("*.jsonl", { cwd: join(import.meta.dirname, "..", "..", "fixtures", "rules") });
  assert.deepEqual(logs.map((file) => basename(file, ".jsonl")).toSorted(), ids);
  assert.deepEqual(Object.keys(PROOFS).toSorted(), ids);
});

for (const [id, { says, commands, cites, nearly }] of Object.entries(PROOFS)) {
  test(`${id}: is the best rule for its log`, () => {
    const events = logOf(id);
    const file = caseOf(events);
    const [best] = matchingRules(file, rules);
    assert.equal(best?.rule.id, id);
    const report = reportFromRules(file, rules, "en");
    const cause = file.why.root_causes[0];
    assert.equal(report.root_cause, cause?.kind);
    assert.match(report.explanation, says);
    const offered = report.steps.map(({ command }) => command);
    assert.deepEqual(
      commands.filter((command) => !offered.includes(command)),
      [],
      offered.join("\n"),
    );
    assert.deepEqual(
      cites.filter((entity) => !report.cited.includes(entity)),
      [],
      report.cited.join(" "),
    );
    assert.ok(report.cited.every((entity) => file.entities.includes(entity)));
    assert.ok(report.confidence <= (cause?.confidence ?? 0));
    assert.ok(report.prevention.length > 0);
  });

  test(`${id}: does not fit what is nearly the same`, () => {
    for (const [place, change] of [nearly].flat().entries()) {
      const near = matchingRules(caseOf(change(logOf(id))), rules).map(({ rule }) => rule.id);
      assert.ok(!near.includes(id), `${place}: ${near.join(" ")}`);
    }
  });

  test(`${id}: speaks of those whom it is about, also where somebody who waits for them is asked`, () => {
    const [asked] = logOf(id);
    assert.ok(asked?.pid !== undefined);
    const file = caseOf([...parentOf(asked), ...logOf(id)]);
    const found = matchingRules(file, rules).find(({ rule }) => rule.id === id);
    // One that is about the asked process alone does not fit its parent.
    if (found === undefined) return;
    const { explanation, steps } = reportFromRules(file, [found.rule], "en");
    assert.match(explanation, says);
    const offered = steps.map(({ command }) => command).join("\n");
    assert.doesNotMatch(offered, new RegExp(`\\b${PARENT}\\b`), offered);
    for (const command of commands) assert.ok(offered.includes(command), offered);
  });
}

/** Nobody else's. */
const PARENT = 987_654;

/** A shell that waits for it. */
function parentOf({ ts, node, pid = 0 }: Event): Event[] {
  const told = { ts, pid: PARENT, ...(node === undefined ? {} : { node }) };
  const evidence = { source: `/proc/${PARENT}/task/${PARENT}/syscall`, observed: `wait4(${pid}, …) in do_wait` };
  const attrs = { comm: "sh", cmdline: "sh run.sh", start_ms: ts - 4_000_000, since_ms: ts - 60_000, threads: 1 };
  return [
    { ...told, event_type: "process.state", entity_id: `pid-${PARENT}`, value: "sleeping", attrs },
    { ...told, event_type: "process.wait", entity_id: `child:${pid}`, value: "child", attrs: evidence },
    {
      ...told,
      event_type: "resource.held",
      entity_id: `child:${pid}`,
      value: "child",
      pid,
      attrs: { source: `/proc/${pid}/stat`, observed: `state S, parent ${PARENT}` },
    },
  ];
}

test("every text is there in both languages, and Chinese is Chinese", () => {
  for (const { id, title, explanation, steps, prevention } of rules) {
    const texts = [title, explanation, ...steps.map(({ text }) => text), ...prevention];
    for (const { en, zh } of texts) {
      assert.match(zh, /\p{Script=Han}/u, `${id}: ${zh}`);
      assert.doesNotMatch(en, /\p{Script=Han}/u, `${id}: ${en}`);
      assert.doesNotMatch(zh, /[，。；：、！？] |\p{Script=Han} \p{Script=Han}/u, `${id}: ${zh}`);
    }
  }
});

test("the Chinese report has no English sentence in it", () => {
  for (const id of ids) {
    const report = reportFromRules(caseOf(logOf(id), "zh"), rules, "zh");
    for (const text of [report.explanation, ...report.steps.map((step) => step.text), ...report.prevention]) {
      assert.match(text, /\p{Script=Han}/u, id);
    }
  }
});

test("every rule names where its knowledge is from", () => {
  assert.deepEqual(
    rules.filter(({ sources }) => sources.length === 0).map(({ id }) => id),
    [],
  );
});
