/** Waits for GPUs, of processes recorded on an H100. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { driverLocks, recorded, RecordedMachine, type RecordedProcess, type RecordedTask } from "./recorded-gpu.ts";

const skip = process.arch === "x64" ? false : "the system call numbers are x86-64's";

/** The thread of that name. */
function thread({ tasks }: RecordedProcess, name: RegExp): number {
  const found = Object.entries(tasks).find(([, { comm }]) => name.test(comm));
  assert.ok(found !== undefined, `no thread ${name}`);
  return Number(found[0]);
}

/** Its main thread waits there, as was recorded of another process. */
function inDriver(process: RecordedProcess, { state, wchan, syscall, stack }: ReturnType<typeof driverLocks>[string]) {
  const main = process.tasks[process.pid];
  assert.ok(main !== undefined);
  Object.assign(main, { wchan, syscall, stack, stat: main.stat.replace(") S ", `) ${state} `) });
}

describe("waits for a GPU, of recorded processes", { skip }, () => {
  let machine: RecordedMachine;
  beforeEach(() => {
    machine = new RecordedMachine();
    machine.addGpu("0000:00:06.0", 0);
  });
  afterEach(() => machine.remove());

  /** Its main thread's wait. */
  async function waitOf(name: string, change: (process: RecordedProcess) => void = () => undefined) {
    const process = recorded(name);
    change(process);
    machine.add(process);
    return machine.wait(process.pid);
  }

  for (const name of ["device-sync", "stream-sync", "event-sync", "copy-back", "busy"]) {
    it(`${name}: CUDA told to block waits for the GPU`, async () => {
      const { kind, entity, attrs } = await waitOf(name);
      assert.deepEqual([kind, entity, attrs.cause, attrs.certainty], ["gpu.sync", "gpu-00", "gpu.busy", "inferred"]);
      const told = String(attrs.observed);
      assert.match(told, /^futex\(0x7ff\w+, …\) in futex_do_wait: a semaphore of libcuda\.so\.580\.159\.04, /);
      assert.match(
        told,
        new RegExp(`whose thread ${thread(recorded(name), /EvtHandlr/)} takes the events of /dev/nvidia0$`),
      );
      assert.equal(attrs.holder, undefined);
    });
  }

  it("pause() with CUDA loaded is no wait for a GPU", async () => {
    const { kind } = await waitOf("idle");
    assert.equal(kind, "signal");
  });

  it("a lock of Python in a process that has a GPU open is no wait for the GPU", async () => {
    for (const name of ["torch-lock", "torch-queue"]) {
      const { kind } = await waitOf(name);
      assert.equal(kind, "futex", name);
    }
  });

  it("torch waiting for its thread that runs backward is no wait for the GPU", async () => {
    assert.equal((await waitOf("torch-backward")).kind, "futex");
  });

  it("a host function that never returns is no GPU that computes", async () => {
    assert.equal((await waitOf("host-function")).kind, "futex");
  });

  it("threads of a pool sleep on, whatever the GPU does", async () => {
    const process = recorded("torch-backward");
    machine.add(process);
    const pool = Object.keys(process.tasks).map(Number).filter((tid) => tid !== process.pid && !process.tasks[tid]?.comm.startsWith("cuda")); // prettier-ignore
    assert.ok(pool.length > 0);
    for (const tid of pool) assert.equal((await machine.wait(process.pid, tid)).kind, "futex");
  });

  it("CUDA's own threads rest, and serve nobody", async () => {
    const process = recorded("device-sync");
    machine.add(process);
    for (const name of [/^cuda-EvtHandlr/, /^cuda\d/]) {
      const { kind, attrs } = await machine.wait(process.pid, thread(process, name));
      assert.deepEqual([kind, attrs.serves, attrs.links], ["gpu.events", undefined, undefined]);
    }
  });

  it("where memory cannot be read, nothing is claimed", async () => {
    machine.seesMemory = false;
    assert.equal((await waitOf("device-sync")).kind, "futex");
  });

  it("without CUDA's event thread, nothing is claimed", async () => {
    const { kind } = await waitOf("device-sync", (process) => delete process.tasks[thread(process, /EvtHandlr/)]);
    assert.equal(kind, "futex");
  });

  it("a semaphore in a frame of another library is no wait for the GPU", async () => {
    const { kind } = await waitOf("device-sync", (process) => {
      process.maps = process.maps.replaceAll("libcuda.so.580.159.04", "libpython3.13.so.1.0");
    });
    assert.equal(kind, "futex");
  });

  it("the GPU is named by its place among the PCI addresses, without those left out", async () => {
    machine.addGpu("0000:00:05.0", 1);
    machine.addGpu("0000:00:04.0", 2, "Yes");
    assert.equal((await waitOf("device-sync")).entity, "gpu-01");
  });

  it("of several GPUs that are open, the one that CUDA takes events of is meant", async () => {
    machine.addGpu("0000:00:07.0", 1);
    const { entity } = await waitOf("device-sync", ({ fds }) => (fds["90"] = "/dev/nvidia1"));
    assert.equal(entity, "gpu-00");
  });

  it("of several GPUs with events it is not told which", async () => {
    machine.addGpu("0000:00:07.0", 1);
    const { entity, attrs } = await waitOf("device-sync", ({ fds }) => (fds["33"] = "/dev/nvidia1"));
    assert.equal(entity, "gpu-00|gpu-01");
    assert.match(String(attrs.observed), /events of \/dev\/nvidia0, \/dev\/nvidia1$/);
  });

  it("a GPU that the driver does not show gets no name of another", async () => {
    const { entity, pid } = await waitOf("device-sync", ({ fds }) => {
      for (const [fd, path] of Object.entries(fds)) if (path === "/dev/nvidia0") fds[fd] = "/dev/nvidia3";
    });
    assert.equal(entity, `gpu:${pid}`);
  });

  for (const [name, lock] of Object.entries(driverLocks())) {
    it(`${name}: a thread that waits inside the driver`, async () => {
      const { kind, entity, attrs } = await waitOf("idle", (process) => inDriver(process, lock));
      assert.deepEqual([kind, entity, attrs.holder, attrs.cause], ["gpu.driver", "gpu-00", "hidden", undefined]);
      assert.match(String(attrs.observed), /^in os_acquire_rwlock_\w+, called from (?:nvidia|uvm|rm)_\w+$/);
    });
  }

  it("a short stay in the driver is no trouble", async () => {
    const process = recorded("idle");
    for (const lock of Object.values(driverLocks())) inDriver(process, lock);
    machine.add(process);
    assert.equal((await machine.wait(process.pid, process.pid, 100)).attrs.cause, "process.busy");
  });

  const FENCE = "[<0>] dma_fence_default_wait+0x1a9/0x280\n[<0>] dma_fence_wait_timeout+0x5c/0xa0\n[<0>] amdgpu_cs_wait_ioctl+0xd8/0x160 [amdgpu]\n[<0>] drm_ioctl_kernel+0xb6/0x100 [drm]\n"; // prettier-ignore
  const KFD_EVENTS = "[<0>] kfd_wait_on_events+0x2f4/0x5c0 [amdgpu]\n[<0>] kfd_ioctl_wait_events+0x54/0x60 [amdgpu]\n";

  /** In an ioctl on fd 50, in an AMD card's driver; made after its source. */
  function onAmd(path: string, stack: string) {
    machine.put("../sys/class/drm/card0/device/uevent", "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:21:00.0\n");
    machine.put("../sys/class/drm/renderD128/device/drm/card0/dev", "226:0\n");
    const wchan = /\] (\w+)/.exec(stack)?.[1] ?? "0";
    const syscall = "16 0x32 0xc0206449 0x7ffcd88ba460 0x0 0x0 0x0 0x7ffcd88ba3b0 0x7f8ba61250bd\n";
    return (process: RecordedProcess) => {
      inDriver(process, { state: "S", wchan, syscall, stack });
      process.fds = { "50": path, "51": "/dev/dri/renderD128" };
    };
  }

  it("a DRM driver's call that waits for the card", async () => {
    const { kind, entity, attrs } = await waitOf("idle", onAmd("/dev/dri/renderD128", FENCE));
    assert.deepEqual([kind, entity, attrs.cause, attrs.certainty], ["gpu.sync", "gpu-card0", "gpu.busy", "derived"]);
    assert.equal(attrs.observed, "in dma_fence_default_wait, asked through /dev/dri/renderD128");
  });

  it("KFD's call that waits for events, where it is the main thread's", async () => {
    const { kind, entity } = await waitOf("idle", onAmd("/dev/kfd", KFD_EVENTS));
    assert.deepEqual([kind, entity], ["gpu.sync", "gpu-card0"]);
  });

  it("the thread in which KFD's runtime rests for ever waits for nothing", async () => {
    const process = recorded("idle");
    const other = thread(process, /^cuda\d/);
    onAmd("/dev/kfd", KFD_EVENTS)(process);
    const { wchan, syscall, stack } = process.tasks[process.pid] as RecordedTask;
    Object.assign(process.tasks[other] as RecordedTask, { comm: "python3\n", wchan, syscall, stack });
    machine.add(process);
    assert.equal((await machine.wait(process.pid, other)).kind, "syscall.ioctl");
  });

  it("another call of a DRM driver is none for the card", async () => {
    const { kind } = await waitOf("idle", onAmd("/dev/dri/renderD128", "[<0>] drm_modeset_lock+0x3f/0xe0 [drm]\n"));
    assert.equal(kind, "syscall.ioctl");
  });
});
