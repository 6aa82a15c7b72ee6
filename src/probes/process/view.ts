/**
 * What a wait resolver may ask of the machine: who has a file open, locks, sockets, children. Tables of the whole
 * machine are shared between looks for a while; what they say of one process is checked again before it is told.
 */
import type { BpfFiles } from "../../kernel/bpf-files.ts";
import type { KernelLock } from "../../kernel/bpf-tasks.ts";
import { FdIndex, type FdHolder } from "../../kernel/fd-index.ts";
import { readFd, readFdinfo } from "../../kernel/fds.ts";
import { InodeIndex } from "../../kernel/inode-index.ts";
import { readNvidiaGpus, type InformationReader, type NvidiaGpu } from "../../kernel/nvidia-proc.ts";
import { readLocks, type Lock } from "../../kernel/locks.ts";
import { namespaceOf } from "../../kernel/namespaces.ts";
import { processOf, readChildren, readStat, readTracerPid, type Stat } from "../../kernel/procfs.ts";
import type { LinkTable } from "../../kernel/rtnetlink.ts";
import { readInet, unixPeers, type InetSocket, type UnixPeer } from "../../kernel/sockets.ts";
import { tcpActivity, type TcpActivity } from "../../kernel/tcp-activity.ts";
import { Memo } from "./memo.ts";
import { PerNamespace } from "./per-namespace.ts";
import { isSliceOver, letOthersIn } from "./pace.ts";
import type { MemoryReader } from "./file-use.ts";
import { Storage } from "./storage.ts";
import type { TrackedProcess } from "./tracker.ts";

export interface Holders {
  holders: readonly FdHolder[];
  /** Some processes' open files cannot be listed: a holder may be among them. */
  partial: boolean;
}

interface HoldersSought {
  byPath?: boolean;
  /** Of the file with that path, where it is known: then the kernel may tell at once. */
  inode?: number | undefined;
  wanted?: (holder: FdHolder) => boolean;
}

type NamedHolders = [target: string, holders: readonly FdHolder[]];

export interface Tracee {
  stat: Stat;
  /** The thread that traces it. */
  tracerPid: number;
}

/** Every unix socket of a network namespace by inode, or why they cannot be told. */
type UnixTable = ReadonlyMap<number, UnixPeer> | string;
type UnixReader = (pid: number) => Promise<UnixTable>;
/** The interfaces of a process's network namespace; undefined where they cannot be told. */
type LinksReader = (pid: number) => Promise<LinkTable | undefined>;

const GPUS_MS = 60_000;

/** A parent of thousands is not told child by child. */
const MAX_CHILDREN = 256;

/** A process's memory map, proc_pid_maps(5); undefined where it cannot be read. */
export type MapsReader = (pid: number) => Promise<string | undefined>;

/** Reads that may hang, and the clock. */
export interface TableReaders {
  memory: MemoryReader;
  maps: MapsReader;
  unixIn: UnixReader;
  linksIn: LinksReader;
  /** A file by which a driver is asked. */
  driver: InformationReader;
  /** Who has the kernel lock that a thread waits for, by waiting thread. */
  kernelLocks?(): Promise<ReadonlyMap<number, KernelLock>>;
  /** Who has which pipe, socket or file open, where the kernel tells at once. */
  files?: BpfFiles | undefined;
  now(): number;
}

const NO_KERNEL_LOCKS = (): Promise<ReadonlyMap<number, KernelLock>> => Promise.resolve(new Map());

/** The machine's tables, as long as the probe lives. */
export class Tables {
  readonly proc: string;
  readonly memory: MemoryReader;
  readonly maps: MapsReader;
  readonly processes: ReadonlyMap<number, TrackedProcess>;
  readonly shared: Memo<FdIndex>;
  readonly paths: Memo<FdIndex>;
  /** Undefined where it takes the walk by path. */
  readonly inodes: Memo<InodeIndex | undefined>;
  /** Of our own network namespace. */
  readonly unix = new Memo<UnixTable>(() => unixPeers());
  readonly unixOf: PerNamespace<UnixTable>;
  readonly inetOf: PerNamespace<InetSocket[] | undefined>;
  readonly linksOf: PerNamespace<LinkTable | undefined>;
  /** Of our own network namespace. */
  readonly activity = new Memo(() => tcpActivity());
  readonly locks: Memo<Lock[] | undefined>;
  readonly nvidiaGpus: Memo<NvidiaGpu[]>;
  readonly kernelLocks: Memo<ReadonlyMap<number, KernelLock>>;
  readonly storage: Storage;

  constructor(
    proc: string,
    { memory, maps, unixIn, linksIn, driver, kernelLocks = NO_KERNEL_LOCKS, files, now }: TableReaders,
    processes: ReadonlyMap<number, TrackedProcess>,
  ) {
    this.proc = proc;
    this.memory = memory;
    this.maps = maps;
    this.processes = processes;
    this.shared = new Memo(() => FdIndex.build(proc, { files }));
    this.paths = new Memo(() => FdIndex.build(proc, { paths: true }));
    // The kernel may not go on, and eBPF may be shut down in mid-run.
    this.inodes = new Memo(async () => files && InodeIndex.build(proc, files).catch(() => undefined));
    this.unixOf = new PerNamespace(unixIn);
    this.inetOf = new PerNamespace((member) => readInet(proc, member));
    this.linksOf = new PerNamespace(linksIn);
    this.locks = new Memo(() => readLocks(proc));
    this.nvidiaGpus = new Memo(() => readNvidiaGpus(proc, driver));
    this.kernelLocks = new Memo(kernelLocks);
    this.storage = new Storage(proc, processes, now);
  }
}

/** The tables as one look sees them: none is made more than once for it. */
export class View {
  readonly proc: string;
  readonly memory: MemoryReader;
  readonly maps: MapsReader;
  readonly storage: Storage;
  readonly #tables: Tables;
  readonly #recentMs: number;
  readonly #begunMs = performance.now();

  /** `recentMs`: how old a table may be that does tell of what is asked. */
  constructor(tables: Tables, recentMs: number) {
    this.#tables = tables;
    this.#recentMs = recentMs;
    this.proc = tables.proc;
    this.memory = tables.memory;
    this.maps = tables.maps;
    this.storage = tables.storage;
  }

  /** As of the last snapshot. */
  processes(): Iterable<TrackedProcess> {
    return this.#tables.processes.values();
  }

  /**
   * Who has the pipe or socket open; of them those that are `wanted`. That nobody is believed only of a table made after
   * the look began. `byPath`: a path instead, as the holder's mounts name it.
   */
  async holders(target: string, sought: HoldersSought = {}): Promise<Holders> {
    const early = await this.#mayHold(target, sought, (table) => table.recent(this.#recentMs));
    const known = await this.#stillOpen(early, target, sought.wanted);
    if (known.holders.length > 0) return known;
    const late = await this.#mayHold(target, sought, (table) => table.since(this.#begunMs));
    return this.#stillOpen(late, target, sought.wanted);
  }

  /**
   * Who has a file open that has this inode number, under whatever name: another mount namespace may have another.
   * Files of several file systems may share the number. Those with the name that `path` ends in come first.
   */
  async *openers(path: string, inode: number): AsyncIterable<FdHolder> {
    const inodes = await this.#tables.inodes.since(this.#begunMs);
    const index = inodes?.unshown ?? (await this.#tables.paths.since(this.#begunMs));
    const named = await this.#named(inodes?.holders(inode) ?? []);
    const name = path.slice(path.lastIndexOf("/"));
    for (const namesakes of [true, false]) {
      for (const [target, holders] of chain(named, index.entries())) {
        if (!target.startsWith("/") || target.endsWith(name) !== namesakes) continue;
        for (const holder of holders) {
          if (isSliceOver()) await letOthersIn();
          if (readFdinfo(this.proc, holder.pid, holder.fd)?.ino === inode) yield holder;
        }
      }
    }
  }

  /** Undefined where they cannot be read. Locks come and go, so the table is as new as the look. */
  locks(): Promise<Lock[] | undefined> {
    return this.#tables.locks.since(this.#begunMs);
  }

  /**
   * Every unix socket of the network namespace that the process's socket is of: the process's, or ours where it was
   * given to it. At least as new as the look where the inode is in neither.
   */
  async unix(inode: number, pid: number): Promise<UnixTable> {
    const recent = await this.#recentUnix(inode, pid);
    if (recent !== undefined) return recent;
    let answer: UnixTable = "";
    for (const memo of this.#unixTables(pid)) {
      const fresh = await memo.since(this.#begunMs);
      if (typeof fresh !== "string" && fresh.has(inode)) return fresh;
      // A table that could not be read may be the one that has it.
      if (answer === "" || typeof fresh === "string") answer = fresh;
    }
    return answer;
  }

  /**
   * The TCP and UDP sockets that the process can see, among them `inode`; undefined where they cannot be read, and none
   * where it is another kind of socket's: for this table the kernel walks a hash table of a quarter million places.
   */
  async inet(pid: number, inode: number): Promise<InetSocket[] | undefined> {
    if ((await this.#recentUnix(inode, pid)) !== undefined) return [];
    const memo = this.#tables.inetOf.of(this.#namespaceOf(pid), pid);
    const known = await memo.recent(this.#recentMs);
    return known?.some((socket) => socket.inode === inode) ? known : memo.since(this.#begunMs);
  }

  /** The same, made after the look began: an absence is believed of no other. */
  freshInet(pid: number): Promise<InetSocket[] | undefined> {
    return this.#tables.inetOf.of(this.#namespaceOf(pid), pid).since(this.#begunMs);
  }

  /** The interfaces that the process can see, under the name of its network namespace. */
  async links(pid: number): Promise<{ namespace: string; table: LinkTable | undefined }> {
    const namespace = this.#namespaceOf(pid);
    return { namespace, table: await this.#tables.linksOf.of(namespace, pid).recent(this.#recentMs) };
  }

  /** When data last went over the connection; undefined where it is of another network namespace, or not told. */
  async tcpActivity(inode: number): Promise<TcpActivity | undefined> {
    const known = await this.#tables.activity.since(this.#begunMs);
    return typeof known === "string" ? undefined : known.get(inode);
  }

  /** Those of every other network namespace of the machine that we may look into, each with a process that is in it. */
  async otherInet(pid: number): Promise<{ member: number; sockets: InetSocket[] }[]> {
    const namespaces = new Map<string, number>();
    const own = this.#namespaceOf(pid);
    for (const other of this.#tables.processes.values()) {
      if (other.kthread) continue;
      const namespace = this.#namespaceOf(other.pid);
      if (namespace !== own && namespace.startsWith("net:")) namespaces.set(namespace, other.pid);
    }
    const tables = Array.from(namespaces, async ([name, member]) => {
      const sockets = await this.#tables.inetOf.of(name, member).recent(this.#recentMs);
      return sockets === undefined ? [] : [{ member, sockets }];
    });
    return (await Promise.all(tables)).flat();
  }

  /** Those that NVIDIA's driver has; they do not come and go. */
  nvidiaGpus(): Promise<NvidiaGpu[]> {
    return this.#tables.nvidiaGpus.recent(GPUS_MS);
  }

  /** The kernel lock that the thread waits for, where the kernel remembers who has it. */
  async kernelLock(tid: number): Promise<KernelLock | undefined> {
    return (await this.#tables.kernelLocks.since(this.#begunMs)).get(tid);
  }

  isFrozen(pid: number): boolean {
    return this.#tables.processes.get(pid)?.state === "frozen";
  }

  /**
   * Those whom the process traces; `halted`: of them, only those in a ptrace stop, who are few. That of a thread which
   * is not the main one is not asked.
   */
  async tracees(pid: number, { halted }: { halted: boolean }): Promise<Tracee[]> {
    const tracees: Tracee[] = [];
    for (const process of this.#tables.processes.values()) {
      if (process.kthread || (halted && process.state !== "traced")) continue;
      if (isSliceOver()) await letOthersIn();
      const tracerPid = readTracerPid(this.proc, process.pid);
      if (tracerPid === 0 || processOf(this.proc, tracerPid) !== pid) continue;
      const stat = readStat(this.proc, process.pid);
      if (stat !== undefined && !"ZX".includes(stat.state)) tracees.push({ stat, tracerPid });
    }
    return tracees;
  }

  /** The living children, whichever thread forked them. Those who have exited are left out: they end a wait. */
  children(pid: number): Stat[] {
    const pids = new Set(readChildren(this.proc, pid));
    for (const process of this.#tables.processes.values()) if (process.ppid === pid) pids.add(process.pid);
    const living: Stat[] = [];
    for (const child of pids) {
      const stat = readStat(this.proc, child);
      if (stat === undefined || stat.ppid !== pid || "ZX".includes(stat.state)) continue;
      if (living.push(stat) >= MAX_CHILDREN) break;
    }
    return living;
  }

  /** A recent table of unix sockets that has this one; none where it is another kind of socket, or came since. */
  async #recentUnix(inode: number, pid: number): Promise<UnixTable | undefined> {
    for (const memo of this.#unixTables(pid)) {
      const known = await memo.recent(this.#recentMs);
      if (typeof known !== "string" && known.has(inode)) return known;
    }
    return undefined;
  }

  #unixTables(pid: number): Memo<UnixTable>[] {
    const { unix, unixOf } = this.#tables;
    const namespace = namespaceOf(this.proc, pid, "net");
    const isOurs = namespace === undefined || namespace === namespaceOf(this.proc, process.pid, "net");
    return isOurs ? [unix] : [unixOf.of(namespace, pid), unix];
  }

  /** As the tables have it. */
  async #mayHold(
    target: string,
    { byPath = false, inode }: HoldersSought,
    asOf: <T>(table: Memo<T>) => Promise<T>,
  ): Promise<Holders> {
    const { shared, paths, inodes } = this.#tables;
    if (byPath && inode !== undefined) {
      const known = await asOf(inodes);
      if (known !== undefined) {
        return { holders: [...known.holders(inode), ...known.unshown.holders(target)], partial: known.isPartial };
      }
    }
    const index = await asOf(byPath ? paths : shared);
    return { holders: index.holders(target), partial: index.unreadable.length > 0 };
  }

  /** An inode number as low as that of /dev/null on another file system may have any number of holders. */
  async #stillOpen(
    { holders, partial }: Holders,
    target: string,
    wanted: HoldersSought["wanted"] = () => true,
  ): Promise<Holders> {
    const still: FdHolder[] = [];
    for (const holder of holders) {
      if (isSliceOver()) await letOthersIn();
      if (readFd(this.proc, holder.pid, holder.fd) === target && wanted(holder)) still.push(holder);
    }
    return { holders: still, partial };
  }

  /** With the names that they have the files under. */
  async #named(holders: readonly FdHolder[]): Promise<NamedHolders[]> {
    const named: NamedHolders[] = [];
    for (const holder of holders) {
      if (isSliceOver()) await letOthersIn();
      named.push([readFd(this.proc, holder.pid, holder.fd) ?? "", [holder]]);
    }
    return named;
  }

  /** Whose namespace we may not see gets a table of its own. */
  #namespaceOf(pid: number): string {
    return namespaceOf(this.proc, pid, "net") ?? `of ${pid}`;
  }
}

function* chain<T>(...parts: readonly Iterable<T>[]): Generator<T> {
  for (const part of parts) yield* part;
}
