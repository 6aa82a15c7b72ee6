import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import fc from "fast-check";
import { cgroupOf, containerOf, parseCgroup } from "../../src/kernel/cgroup.ts";
import { anyText } from "./support.ts";

const ID = "3f4e8b2a9c1d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6b7c8d9e0f";

const OTHER_ID = ID.split("").toReversed().join("");

test("hierarchies of v1 and v2", () => {
  assert.deepEqual(parseCgroup("9:name=systemd:/\n4:cpu,cpuacct:/a:b\n0::/user.slice\n"), [
    { hierarchy: 9, controllers: ["name=systemd"], path: "/" },
    { hierarchy: 4, controllers: ["cpu", "cpuacct"], path: "/a:b" },
    { hierarchy: 0, controllers: [], path: "/user.slice" },
  ]);
});

test("the path that says most", () => {
  const cases = [
    ["0::/system.slice/nginx.service\n", "/system.slice/nginx.service"],
    ["4:memory:/jobs/7\n1:cpu:/\n0::/\n", "/jobs/7"],
    ["4:memory:/jobs\n1:cpu:/jobs/7\n", "/jobs/7"],
    ["4:memory:/jobs/7\n0::/init.scope\n", "/init.scope"],
    ["0::/\n", "/"],
    [`4:memory:/docker/${ID}\n0::/system.slice/containerd.service\n`, `/docker/${ID}`],
    ["4:memory:/slurm/uid_0/job_7/step_0\n0::/system.slice/slurmd.service\n", "/slurm/uid_0/job_7/step_0"],
    ["", undefined],
  ] as const;
  const proc = mkdtempSync(`${tmpdir()}/xctl-cgroup-`);
  try {
    mkdirSync(`${proc}/1`);
    for (const [text, path] of cases) {
      writeFileSync(`${proc}/1/cgroup`, text);
      assert.equal(cgroupOf(proc, 1), path, text);
    }
    assert.equal(cgroupOf(proc, 2), undefined);
  } finally {
    rmSync(proc, { recursive: true });
  }
});

test("containers, services and batch jobs by their paths", () => {
  const container = `container:${ID.slice(0, 12)}`;
  const cases = {
    [`/docker/${ID}`]: container,
    [`/system.slice/docker-${ID}.scope`]: container,
    [`/kubepods/burstable/pod2f1c7e5a-1111-2222-3333-444455556666/${ID}`]: container,
    [`/kubepods.slice/kubepods-besteffort.slice/cri-containerd-${ID}.scope`]: container,
    [`/kubepods.slice/kubepods-pod1.slice/crio-${ID}.scope/container`]: container,
    [`/machine.slice/libpod-${ID}.scope`]: container,
    [`/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:${ID}`]: container,
    [`/system.slice/docker-${OTHER_ID}.scope/kubelet.slice/kubelet-kubepods.slice/cri-containerd-${ID}.scope`]:
      container,
    [`/docker/${OTHER_ID}/kubelet/kubepods/besteffort/pod2f1c7e5a-1111-2222-3333-444455556666/${ID}`]: container,
    [`/k3s/kubepods.slice/kubepods-burstable.slice/cri-containerd-${ID}.scope`]: container,
    [`/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope/container`]: container,
    [`/user.slice/user-1000.slice/user@1000.service/user.slice/user-libpod_pod_${OTHER_ID}.slice/libpod-${ID}.scope`]:
      container,
    [`/libpod_parent/libpod-${ID}`]: container,
    [`/machine.slice/libpod-conmon-${ID}.scope`]: `unit:libpod-conmon-${ID}.scope`,
    [`/system.slice/crio-conmon-${ID}.scope`]: `unit:crio-conmon-${ID}.scope`,
    "/kubepods.slice/kubepods-pod2f1c7e5a_1111_2222_3333_444455556666.slice":
      "pod:2f1c7e5a_1111_2222_3333_444455556666",
    "/machine.slice/machine-web.scope/payload": "unit:machine-web.scope",
    "/system.slice/system-getty.slice/getty@tty1.service": "unit:getty@tty1.service",
    "/lxc.payload.web/system.slice/nginx.service": "lxc:web",
    "/lxc/web": "lxc:web",
    "/system.slice/slurmstepd.scope/job_4242/step_0/user/task_0": "slurm:4242",
    "/slurm/uid_1000/job_4242/step_batch": "slurm:4242",
    "/system.slice/nginx.service": "unit:nginx.service",
    "/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.service": "unit:app-x.service",
    "/user.slice/user-1000.slice/session-3.scope": "unit:session-3.scope",
    "/user.slice": undefined,
    "/": undefined,
  };
  for (const [path, name] of Object.entries(cases)) assert.equal(containerOf(path), name, path);
});

test("no text makes a parser throw", () => {
  fc.assert(fc.property(anyText, (text) => void [parseCgroup(text), containerOf(text)]));
});
