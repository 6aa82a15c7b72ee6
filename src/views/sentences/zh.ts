/** xctl 的中文文案；键与 en.ts 相同，由类型和测试保证。 */
import { ALL_ALIKE, RANK_GONE } from "../../model/why-job.ts";
import type { Sentences } from "./en.ts";
import { gpuActionText, gpuErrorText } from "./gpu-error.ts";
import { gpu } from "./zh-gpu.ts";
import { diag } from "./zh-diag.ts";
import { help } from "./zh-help.ts";
import { machine } from "./zh-machine.ts";
import { report, rules } from "./zh-report.ts";
import { storageErrorText } from "./storage-error.ts";
import { storageErrors } from "./zh-storage.ts";
import { mcp } from "./zh-mcp.ts";
import { zap } from "./zh-zap.ts";

const holding = (held: string | null) => (held === null ? "" : `，其间一直持有 ${held}`);
const of = (detail: string) => (detail === "" ? "" : `：${detail}`);

export const zh: Sentences = {
  units: {
    seconds: (seconds) => `${seconds} 秒`,
    minutes: (minutes, seconds) => `${minutes}分${seconds}秒`,
    hours: (hours, minutes) => `${hours}小时${minutes}分`,
    days: (days, hours) => `${days}天${hours}小时`,
  },
  names: {
    process: (comm, pid) => (comm === "" ? `进程 ${pid}` : `${comm} (${pid})`),
    thread: (owner, tid) => `${owner} 的线程 ${tid}`,
    onNode: (name, node) => `${node} 上的 ${name}`,
  },
  ended: {
    status: (status) => `退出码为 ${status}`,
    signal: (signal, by) => `被${by === null ? "" : ` ${by} 发出的`} ${signal} 终止`,
    oomKiller: "OOM killer",
    kernel: "内核",
    itself: "自身",
  },
  endedSo: (who, how) => `${who} 已退出：${how}。`,
  verdicts: {
    blocked: (who, time) => (time === null ? `${who} 被阻塞。` : `${who} 已被阻塞 ${time}。`),
    stopped: (who, time) => (time === null ? `${who} 已停止。` : `${who} 已停止 ${time}。`),
    starved: (who, time) => (time === null ? `${who} 得不到 CPU。` : `${who} 已有 ${time} 得不到 CPU。`),
    running: (who) => `${who} 正在运行，没有受阻。`,
    idle: (who) => `${who} 处于空闲状态，没有异常。`,
    exited: (who) => `${who} 已退出。`,
    unknown: (who, time) =>
      time === null ? `无法判断 ${who} 是否卡住。` : `无法判断 ${who} 是否卡住。它已等待 ${time}。`,
  },
  verdictWords: {
    blocked: "阻塞",
    stopped: "停止",
    starved: "得不到 CPU",
    running: "运行",
    idle: "空闲",
    exited: "已退出",
    unknown: "未知",
  },
  certainties: {
    observed: "直接观测",
    derived: "推导得出",
    inferred: "推测",
    unknown: "不确定",
  },
  risks: {
    safe: "安全",
    disruptive: "有影响：会中断业务",
    destructive: "有破坏性：可能丢失工作成果",
  },
  waits: {
    "pipe.read": "在读一个空管道",
    "pipe.write": "在写一个已满的管道",
    "fifo.open": "在打开命名管道，等待对端",
    "unix.recv": "在 unix 套接字上等待数据",
    "unix.send": "在等待已满的 unix 套接字可写",
    "unix.connect": "在等待 unix 套接字的服务端接受连接",
    "unix.accept": "在 unix 套接字上等待连接",
    "tcp.recv": "在 TCP 连接上等待数据",
    "tcp.send": "在等待已满的 TCP 连接可写",
    "tcp.connect": "在等待 TCP 连接请求的应答",
    "tcp.accept": "在等待 TCP 连接",
    "udp.recv": "在等待 UDP 数据包",
    "udp.send": "等待发送 UDP 数据包",
    "mqueue.recv": "等待 POSIX 消息队列中的消息",
    "mqueue.send": "等待 POSIX 消息队列腾出空间",
    "sysv.recv": "等待 System V 消息队列中的消息",
    "sysv.send": "等待 System V 消息队列腾出空间",
    "sysv.sem": "等待 System V 信号量",
    "netlink.recv": "在等待内核消息 (netlink)",
    flock: "在等待文件锁 (flock)",
    posix_lock: "在等待文件锁 (POSIX)",
    ofd_lock: "在等待文件锁 (OFD)",
    lease: "在等待文件租约归还",
    futex: "在等待锁或其他线程 (futex)",
    collective: "在集合通信中等待一个未加入的 rank",
    "thread.join": "在等待自己的一个线程结束",
    thread: "可能取决于自己的另一个线程",
    child: "在等待子进程结束",
    vfork: "在等待子进程执行新程序 (vfork)",
    pid_namespace: "已结束，正在等待其 pid 命名空间中最后的进程",
    sleep: "在定时休眠",
    "tty.read": "在等待终端输入",
    "tty.write": "在等待终端接收其输出",
    "pty.read": "在等待终端上的程序输出",
    "pty.write": "在等待终端上的程序读取输入",
    epoll: "在等待事件 (epoll)",
    poll: "在等待事件 (poll)",
    select: "在等待事件 (select)",
    signal: "在等待信号",
    signalfd: "在等待信号 (signalfd)",
    inotify: "在等待文件变化 (inotify)",
    eventfd: "在等待被唤醒 (eventfd)",
    timerfd: "在等待定时器 (timerfd)",
    "kernel.unknown": "在等待无法看到的事物",
    "kernel.idle": "无事可做",
    "cpu.quota": "在等待其 cgroup 重新获得 CPU 配额",
    "cpu.runqueue": "在等待 CPU",
    "gpu.sync": "在等待 GPU 完成其工作",
    "gpu.driver": "在 GPU 驱动程序内等待",
    "gpu.events": "在等待 GPU 的事件",
    "memory.oom": "在等待其 cgroup 重新有可用内存",
    "memory.reclaim": "在等待内存释放",
    "block.io": "在等待块设备",
    journal: "在等待文件系统日志写入",
    "fs.freeze": "在等待写入一个已冻结的文件系统",
    "fs.remote": "在等待网络文件系统的服务器",
    "fuse.request": "在等待 FUSE 文件系统的服务端",
    "fuse.serve": "在等待对其文件系统的请求 (FUSE)",
    mmap_lock: "在等待被锁住的内存映射",
    inode_lock: "在等待别的线程用完同一文件",
    kernel_lock: "在等待内核内部的锁",
    IO_WAIT: "在等待数据传输",
    "transport.drop": "在丢包",
  },
  waitInCall: (call) => `在系统调用 ${call} 中等待`,
  waitInKernel: (place) => `在内核的 ${place} 中等待`,
  waitOther: (kind) => `在等待 (${kind})`,
  uses: "使用",
  error: "错误",
  closesCircle: "回到起点，形成环路",
  roles: {
    owner: "持有者",
    writer: "写端",
    reader: "读端",
    peer: "对端",
    server: "服务端",
    child: "子进程",
    tracer: "跟踪者",
    thread: "线程",
    parent: "父进程",
  },
  causes: {
    "process.stopped": ({ who }) => `${who} 被信号停止，收到 SIGCONT 后才会继续。`,
    "process.traced": ({ who, actor }) =>
      actor === null ? `${who} 被调试器或跟踪程序停住。` : `${who} 被调试器或跟踪程序 ${actor} 停住。`,
    "process.frozen": ({ who }) => `${who} 被冻结：它所在的 cgroup 已被冻结，尚未解冻。`,
    "process.sleeping": ({ who, held }) => `${who} 正按自己的定时休眠${holding(held)}。`,
    "process.busy": ({ who, wait, held }) =>
      wait === null
        ? `${who} 正在 CPU 上忙自己的工作${holding(held)}。`
        : `${who} 正在忙自己的工作，此刻${wait}${holding(held)}。`,
    "process.idle": ({ who, wait, held }) => `${who} ${wait ?? "在等待新的工作"}，空闲时属于正常${holding(held)}。`,
    "process.zombie": ({ who, actor }) =>
      `${who} 已退出，但${actor === null ? "其父进程" : ` ${actor} `}尚未回收它 (僵尸进程)。`,
    "process.deadlock": ({ members, tids }) => {
      if (members.length > 1) return `${members.join("、")} 互相等待成环，谁也无法继续。`;
      return tids.length === 0
        ? `${members[0]} 在等待自己，永远无法继续。`
        : `${members[0]} 的线程互相等待成环，谁也无法继续。`;
    },
    "lock.orphaned": ({ who, entity }) => `${who} 在等待 ${entity}，而其持有者未释放就已消失，再没有谁能释放它。`,
    "ipc.no_peer": ({ who, entity, detail }) =>
      detail === RANK_GONE
        ? `${who} 已经结束，没有它，其他 rank 无法继续。`
        : `${who} 在 ${entity} 上等待，但没有任何进程打开其另一端。`,
    "cpu.throttled": ({ who }) => `${who} 所在的 cgroup 用完了 CPU 配额。`,
    "cpu.starved": ({ who, actor }) => `${who} 想要运行，但 CPU 被${actor === null ? "其他进程" : ` ${actor} `}占用。`,
    "memory.reclaim": ({ who }) => `${who} 在等待内存回收或换页。`,
    "memory.oom": ({ who }) => `${who} 所在的内存 cgroup 已满，且其中没有可杀死的进程。`,
    "storage.slow": (parts) => storageErrorText(storageErrors, parts) ?? `${parts.entity} 响应缓慢。`,
    "storage.throttled": ({ who }) => `${who} 所在的 cgroup 达到了 I/O 限额。`,
    "storage.error": (parts) =>
      storageErrorText(storageErrors, parts) ?? `${parts.entity} 报告错误${of(parts.detail)}。`,
    "fs.frozen": ({ entity }) => `文件系统 ${entity} 已冻结。`,
    "fs.unresponsive": ({ entity }) => `文件系统 ${entity} 的服务端没有响应。`,
    "network.peer_silent": ({ entity }) => `${entity} 的对端不在 xctl 视野内，没有发来任何数据。`,
    "network.peer_not_reading": ({ entity }) => `${entity} 的对端不在 xctl 视野内，没有读取数据。`,
    "network.unreachable": ({ entity }) => `${entity} 的对端没有应答。`,
    "network.loss": ({ entity, detail }) => `${entity} 在丢包${of(detail)}。`,
    "network.link_down": ({ entity, detail }) => {
      if (detail.startsWith("ADMIN_DOWN")) return `网络接口 ${entity} 已被人为关闭。`;
      if (!detail.startsWith("REMOVED")) return `网络接口 ${entity} 已断开：没有链路。`;
      return `网络接口 ${entity} 已不存在：被拔出、删除，或移到了另一个网络命名空间。`;
    },
    "gpu.error": ({ entity, detail }) => gpuErrorText(gpu, entity, detail) ?? `GPU ${entity} 报告错误${of(detail)}。`,
    "gpu.busy": ({ who, entity }) => `${who} 在等待 ${entity}，后者正在计算。`,
    "gpu.throttled": ({ entity }) => `${entity} 因温度或功耗而降频。`,
    "input.terminal": ({ who, entity, detail }) =>
      detail === "tty.write"
        ? `${who} 无法写入 ${entity}：其输出已被暂停，例如按了 Ctrl-S。`
        : `${who} 在等待有人在 ${entity} 上输入。`,
    unknown: ({ who, wait, detail, members }) =>
      detail === ALL_ALIKE
        ? `${members.length} 个 rank 都以同样的方式等待，看不到它们在等哪一个。`
        : wait === null
          ? `看不到 ${who} 在等待什么。`
          : `${who} ${wait}，但看不到谁能结束这一等待。`,
  },
  advice: {
    continue: ({ who }) => `让 ${who} 继续运行。`,
    foreground: ({ who, place }) =>
      `在启动 ${who} 的 shell (${place ?? "其终端上"}) 中输入 fg。作为后台作业，它一用到终端就会被停止。`,
    detach: ({ actor, who }) => `让 ${actor ?? "跟踪程序"} 继续运行 ${who} 或与之脱离，在 gdb 中用 detach。`,
    end_tracer: ({ actor }) => `或者结束 ${actor ?? "跟踪程序"}，被它跟踪的进程随后会继续。`,
    thaw: () => "解冻该 cgroup。",
    wait_or_end: ({ who }) => `等 ${who} 自行醒来，或者结束它。`,
    look_closer: ({ who }) => `进一步查看 ${who}。`,
    remind_parent: ({ actor }) => `提醒 ${actor ?? "父进程"}：有子进程已结束。`,
    end_parent: ({ actor }) => `或者结束 ${actor ?? "父进程"}，子进程随后由 init 回收。`,
    break_cycle: ({ members }) =>
      members.length === 1
        ? `结束 ${members[0]}，没有别的办法能让它继续。`
        : "结束其中最晚启动的进程，损失最小，其余进程随后会继续。",
    restart_job: ({ who }) => `查明 ${who} 为何结束，然后重新启动作业。`,
    restart_waiter: ({ who }) => `结束 ${who}，然后重新启动。`,
    start_peer: ({ entity }) => `启动应在 ${entity} 另一端的程序，或者结束等待者。`,
    look_at_connection: () => "查看内核中该连接的状态。",
    look_at_route: () => "查看哪些连接请求没有应答，多半是防火墙拦截或对方主机已宕机。",
    look_at_link: () => "查看该网络接口的状态，再检查线缆和对端。",
    set_link_up: () => "重新启用它，除非它是有意关闭的。",
    raise_limit: () => "调高该 cgroup 的限额。",
    give_way: ({ actor }) => `让${actor === null ? "占用 CPU 的进程" : ` ${actor} `}优先级低于所有其他进程。`,
    look_at_cpu: () => "查看谁占用 CPU。",
    look_at_cgroup: () => "查看各 cgroup 的用量，然后调高限额或降低负载。",
    look_at_memory: () => "查看内存紧张程度。",
    look_at_storage: () => "查看哪个存储响应缓慢或没有响应。",
    look_at_kernel_log: () => "查看内核日志中关于该设备的消息。",
    look_at_disk: () => "查看磁盘自身的健康信息 (SMART)。",
    replace_disk: () => "查看阵列缺少哪块磁盘，并换上新的。",
    free_space: () => "查看空间被什么占用，删除或移走一部分，或者扩大文件系统。",
    free_inodes: () => "查看占用 inode 的文件在哪里，并删除一部分。",
    check_file_system: () => "先保存重要数据，再卸载该文件系统，用 fsck 检查后重新挂载。",
    thaw_filesystem: ({ entity }) => `解冻文件系统 ${entity}，除非正在为它做快照或备份。`,
    abort_connection: ({ entity }) => `或者放弃文件系统 ${entity}：中止其连接，使用它的进程随后会收到错误。`,
    kill_does_not_help: ({ who }) => `不要指望杀死 ${who}：处于这种等待时，SIGKILL 可能要等到等待结束才会生效。`,
    recover_gpu: ({ detail }) => gpuActionText(gpu, detail) ?? "就这块 GPU 联系厂商支持。",
    look_at_gpu: () => "查看驱动报告的 GPU 状态。",
    type_there: ({ entity }) => `在 ${entity} 上输入它等待的内容。`,
    resume_output: ({ entity }) => `在 ${entity} 上按 Ctrl-Q，恢复其输出。`,
  },
  blindSpots: {
    syscall: "其他用户进程的系统调用仅 root 可见。以 root 运行 xctl 即可看到。",
    fds: "其他用户进程打开的文件仅 root 可见。以 root 运行 xctl 即可看到。",
    stack: "内核栈仅 root 可读。以 root 运行 xctl 即可看到。",
    peers: "部分套接字的对端未能找到。以 root 运行 xctl 可看到更多。",
    locks: "部分文件锁的持有者不可见。以 root 运行 xctl 即可看到。",
    memory: "锁所在的内存未能读取，因此无法得知其持有者。以 root 运行 xctl 即可看到。",
    processes: "其他用户的进程被隐藏 (/proc 以 hidepid 挂载)。以 root 运行 xctl 即可看到。",
    environ: "其他用户进程的环境变量仅 root 可见。以 root 身份运行 xctl 可看到它们的 rank。",
    cmdline: "有命令行未能读取；进程的内存被锁住时，读取其命令行不会返回。",
    truncated: "此处等待关系过多，只追查了离该进程最近的部分。",
  },
  blindSpotOther: (code) => `未能看到：${code}。`,
  why: {
    rootCause: "根因：",
    noRootCause: "未找到根因：",
    sure: (percent, certainty) => `（置信度 ${percent}%${certainty === null ? "" : `，${certainty}`}）`,
    labelled: (label, text) => `${label}：${text}`,
    whatToDo: "处理方法",
    alsoPossible: "其他可能",
    notSeen: "未能看到",
    nothingStuck: "没有进程卡住。",
    summary: (causes, victims) => `${victims} 个进程卡住，共 ${causes} 个原因。`,
    summaryOfAll: (causes, victims) => `${victims} 个进程在等待，共 ${causes} 个原因；其中包括无害的等待。`,
    stuck: "因此卡住的进程",
    andMore: (more) => `以及另外 ${more} 个`,
    jobFine: (job) => `作业 ${job}：没有 rank 卡住。`,
    jobStuck: (job, stuck, all) => `作业 ${job}：${all} 个 rank 中有 ${stuck} 个卡住。`,
    jobHeldUp: (job, _count, ranks, heldUp, all) =>
      `作业 ${job}：rank ${ranks} 使 ${all} 个 rank 中的 ${heldUp} 个无法继续。`,
    jobWaitsFor: (job, _count, ranks) => `作业 ${job}：其他 rank 在等待 rank ${ranks}。`,
    jobLost: (job, _count, ranks) => `作业 ${job}：失去了 rank ${ranks}。`,
    jobLauncher: (job) => `作业 ${job}：启动各 rank 的进程卡住了。`,
    jobEnded: (job) => `作业 ${job}：已结束。`,
    jobAlike: (job) => `作业 ${job}：所有 rank 都在等待，无法判断在等哪一个。`,
    standings: {
      culprit: "拖住了其他 rank",
      held_up: "在等待它",
      running: "在运行",
      gone: "已结束",
    },
    tendency: (rank, percent, samples, longest) =>
      `近来最常被等待的是 rank ${rank}：最近 ${samples} 次采样中有 ${percent}% 是其他 rank 等它工作，最长 ${longest}。`,
  },
  ps: {
    more: (more) => `另有 ${more} 项`,
    stale: (resource) => `${resource} (数据过期)`,
  },
  status: {
    daemon: (version, node) => `xctl ${version}，运行于 ${node}`,
    uptime: "已运行",
    memory: "内存",
    events: "事件",
    rejected: "拒收原因",
    graph: "图",
    edges: "边",
    sampler: "采样",
    lost: "丢失的 eBPF 记录",
    received: (received, applied, rejected, dropped) =>
      `收到 ${received}，采用 ${applied}，拒收 ${rejected}，丢弃 ${dropped}`,
    nodes: (processes, resources, errors) => `${processes} 个进程，${resources} 个资源，${errors} 个错误`,
    samples: (backend, tasks, lastMs, intervalMs) =>
      `${backend}，${tasks} 个线程用时 ${lastMs} ms，每 ${intervalMs} ms 一次`,
    recording: "录制",
    recorded: (file, written, dropped) => `${file}，${written} 个事件${dropped === 0 ? "" : `，丢弃 ${dropped}`}`,
    noProbes: "没有探针。",
    probe: {
      starting: "启动中",
      running: "运行中",
      waiting: "等待重启",
      failed: "失败",
      stopped: "已停止",
    },
  },
  doctor: {
    allFine: "xctl 所需的能力，本机全部具备。",
    someMissing: (missing) => `缺少 ${missing} 项，其余功能不受影响。`,
    enable: "启用方法：",
  },
  cli: {
    error: (message) => `错误：${message}`,
    daemonUnreachable: (port) => `无法连接到 daemon (端口 ${port})`,
    startDaemon: "请先运行: xctl run",
    noCommand: "没有给出命令",
    seeHelp: "请参阅 xctl --help",
    unknownCommand: (name) => `没有这个命令：${name}`,
    unknownOption: (name) => `没有这个选项：${name}`,
    missingArgument: (name) => `缺少参数：${name}`,
    missingValue: (flags) => `缺少值：${flags}`,
    tooManyArguments: (given) => `参数过多：${given}`,
    didYouMean: (names) => `是否想输入 ${names}？`,
    cannotWrite: (why) => `无法写出结果：${why}`,
    defect: "这是 xctl 的缺陷，请报告",
    noSuchProcess: (pid) => `没有这个进程：${pid}`,
    listAll: "查看全部进程：xctl ps --all",
    flightNeedsJob: "--flight-recorder 须与 --job 一起使用",
    noDumps: (folder) => `${folder} 中没有 flight recorder 的转储文件`,
    refusedDump: (file, reason) => `已略去 ${file}：${reason}`,
    noSuchJob: (job) => `没有这个作业：${job}`,
    listJobs: "查看现有作业：xctl ps",
    nothingActive: "没有活跃进程。查看全部进程：xctl ps --all",
    refusedLines: (lines) => `有 ${lines} 行不是事件，已略过`,
    refusedBecause: (lines, reason) => `${lines} 行被拒收：${reason}`,
    badPid: (text) => `不是进程号：${text}`,
    findPid: "请给出 xctl ps 中显示的数字",
    badPort: (text) => `不是端口号：${text}`,
    portRange: "请给出 0 到 65535 之间的数字",
    badDuration: (text) => `不是此处可用的时长：${text}`,
    durationRange: (minMs, maxMs) => `例如 500ms、2s 或 1m，范围为 ${minMs} ms 到 ${maxMs} ms`,
    badEventType: (text) => `没有这种事件类型：${text}`,
    badShell: (text) => `没有这个 shell 的补全脚本：${text}`,
    pidOrJob: "PID 和 --job 只能给出一个",
  },
  zap,
  diag,
  help,
  machine,
  mcp,
  report,
  rules,
};
