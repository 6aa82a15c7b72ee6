/** `xctl doctor` 各项检查的说明：发现了什么，缺少时会看不到什么。 */
import type { machine as english } from "./en-machine.ts";

export const machine: typeof english = {
  linux: { ok: (found) => found, missing: (found) => `${found}：这里只能运行外部程序探针` },
  root: { ok: (found) => found, missing: (found) => `${found}：看不到其他用户的系统调用、打开的文件和内核栈` },
  procfs: {
    ok: (found) => `${found} 可见全部进程`,
    missing: (found) => `/proc 以 ${found} 挂载：只能看到自己的进程`,
  },
  ptrace: {
    ok: (found) => `可读取任意进程在等待什么（${found}）`,
    missing: (found) => `无法读取其他用户的进程在等待什么（${found}）`,
  },
  stacks: { ok: () => "可读取内核栈", missing: () => "无法读取内核栈" },
  sockets: {
    ok: (found) => `可找到 unix 套接字的对端（${found}）`,
    missing: (found) => `无法找到 unix 套接字的对端：${found}`,
  },
  cgroup: { ok: (found) => `cgroup ${found}`, missing: () => "没有 cgroup：看不到资源限制" },
  psi: { ok: (found) => `可读取压力指标（${found}）`, missing: () => "内核不提供压力指标（PSI）" },
  ebpf: { ok: () => "可加载 eBPF 程序", missing: (found) => `eBPF 不可用：${found}` },
  nvml: { ok: (found) => `已找到 NVIDIA 驱动（${found}）`, missing: () => "没有 NVIDIA 驱动：看不到 GPU" },
  python: { ok: (found) => `${found} 可运行 .py 探针`, missing: (found) => `未找到 ${found}：无法运行 .py 探针` },
  daemon: { ok: (found) => `在端口 ${found} 上应答`, missing: (found) => `在端口 ${found} 上没有应答` },
};
