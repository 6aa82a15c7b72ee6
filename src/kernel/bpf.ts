/**
 * eBPF objects, loaded through the system's libbpf: their iterators and rings are read.
 * Everything attached is held by file descriptors of this process, so nothing stays when it is killed.
 * It must not know what the programs see.
 */
import { closeSync, read, readFileSync, readlinkSync, readSync } from "node:fs";
import { arch } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { LIBRARY, loadLibbpf, type IteratorOptions, type Libbpf, type Pointer } from "./libbpf.ts";

const ITERATOR_OPTIONS_BYTES = 24;
/** A read fills at most the kernel's own buffer of eight pages (kernel/bpf/bpf_iter.c). */
const PART_BYTES = 64 * 1024;

// Two folders up from source, one from the bundle (rolldown.config.ts).
const FOLDER = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "../../bpf" : "../bpf", import.meta.url));

const readFd = promisify(read);

/** A loaded object. Close it to unload. */
export class BpfObject {
  readonly #libbpf: Libbpf;
  readonly #object: Pointer;
  readonly #links = new Set<Pointer>();
  readonly #rings: BpfRing[] = [];
  #closed = false;

  private constructor(libbpf: Libbpf, object: Pointer) {
    this.#libbpf = libbpf;
    this.#object = object;
  }

  /**
   * `bpf/<architecture>/<name>.o`, with our pid namespace as the first of its constants (bpf/pids.h), and without
   * programs that this kernel has nothing for. Throws an Error that says why it cannot be loaded.
   */
  static async load(name: string, { constants = Buffer.alloc(0), without = [] }: LoadOptions = {}): Promise<BpfObject> {
    const libbpf = await loadLibbpf();
    const bytes = readFileSync(`${FOLDER}/${arch()}/${name}.o`);
    const object = libbpf.open(bytes, bytes.length, null);
    if (object === null) throw new Error(`${LIBRARY} does not take ${name}.o: errno ${libbpf.errno()}`);
    const loaded = new BpfObject(libbpf, object);
    try {
      loaded.#setConstants(Buffer.concat([pidNamespace(), constants]));
      for (const program of without) libbpf.setAutoload(loaded.#program(program), false);
      const refusal = libbpf.load(object);
      if (refusal !== 0) throw new Error(`the kernel refuses ${name}.o: ${refusalText(-refusal)}`);
      return loaded;
    } catch (error) {
      loaded.close();
      throw error;
    }
  }

  /** An iterator program, to be read as often as one likes; one over a map's elements says which map. */
  iterator(program: string, map?: string): BpfIterator {
    const options = map === undefined ? null : iteratorOptions(this.#mapFd(map));
    const linkFd = this.#keep(program, this.#libbpf.attachIterator(this.#program(program), options));
    return new BpfIterator(() => this.#libbpf.createIterator(linkFd));
  }

  /** Lets the program run at the place its section names, until the function that is handed back is called. */
  attach(program: string): () => void {
    const link = this.#libbpf.attach(this.#program(program));
    this.#keep(program, link);
    return () => {
      if (this.#links.delete(link)) this.#libbpf.destroyLink(link);
    };
  }

  /** The ring buffer of that name; `take` gets each record when it is emptied, and must copy what it keeps. */
  ring(map: string, take: (record: Buffer) => void): BpfRing {
    const ring = new BpfRing(this.#libbpf, this.#mapFd(map), take);
    this.#rings.push(ring);
    return ring;
  }

  /** A map's value for the key; of an array that is an index. Undefined where there is none. */
  value(map: string, key: Buffer, bytes: number): Buffer | undefined {
    const value = Buffer.alloc(bytes);
    return this.#libbpf.lookUp(this.#mapFd(map), key, value) === 0 ? value : undefined;
  }

  /** Throws where the map is full. */
  setValue(map: string, key: Buffer, value: Buffer): void {
    const refusal = this.#libbpf.update(this.#mapFd(map), key, value, 0);
    if (refusal !== 0) throw new Error(`the map ${map} takes no value: errno ${-refusal}`);
  }

  deleteValue(map: string, key: Buffer): void {
    this.#libbpf.remove(this.#mapFd(map), key);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const ring of this.#rings) ring.close();
    for (const link of this.#links) this.#libbpf.destroyLink(link);
    this.#links.clear();
    this.#libbpf.close(this.#object);
  }

  #program(name: string): Pointer {
    this.#checkOpen();
    const program = this.#libbpf.findProgram(this.#object, name);
    if (program === null) throw new Error(`there is no program ${name}`);
    return program;
  }

  /** The link's file descriptor: what is attached stays so as long as it is open. */
  #keep(program: string, link: Pointer): number {
    if (link === null) throw new Error(`${program} cannot be attached: errno ${this.#libbpf.errno()}`);
    this.#links.add(link);
    return this.#libbpf.linkFd(link);
  }

  #mapFd(name: string): number {
    this.#checkOpen();
    const map = this.#libbpf.findMap(this.#object, name);
    if (map === null) throw new Error(`there is no map ${name}`);
    return this.#libbpf.mapFd(map);
  }

  /** What libbpf freed it must not be asked about. */
  #checkOpen(): void {
    if (this.#closed) throw new Error("it is closed");
  }

  #setConstants(constants: Buffer): void {
    const map = this.#libbpf.findMap(this.#object, ".rodata");
    if (map === null || this.#libbpf.setInitial(map, constants, constants.length) !== 0) {
      throw new Error("its constants have another layout");
    }
  }
}

interface LoadOptions {
  /** Those that follow the pid namespace. */
  constants?: Buffer;
  without?: readonly string[];
}

/** A ring buffer that programs write to. It is emptied when asked to be; nothing wakes us for it. */
export class BpfRing {
  readonly #libbpf: Libbpf;
  readonly #callback: unknown;
  readonly #ring: Pointer;
  #closed = false;

  constructor(libbpf: Libbpf, mapFd: number, take: (record: Buffer) => void) {
    this.#libbpf = libbpf;
    this.#callback = libbpf.register((_, data, length) => {
      take(Buffer.from(libbpf.copy(data, length)));
      return 0;
    });
    this.#ring = libbpf.newRing(mapFd, this.#callback, null, null);
    if (this.#ring === null) throw new Error(`no ring buffer: errno ${libbpf.errno()}`);
  }

  /** Hands over every record that is there. */
  empty(): void {
    const count = this.#closed ? 0 : this.#libbpf.consume(this.#ring);
    if (count < 0) throw new Error(`the ring buffer cannot be read: errno ${-count}`);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#libbpf.freeRing(this.#ring);
    this.#libbpf.unregister(this.#callback);
  }
}

/** The records of an object's ring `records`, kept until they are taken, at most so many; what had no room is counted. */
export class KeptRecords<T> {
  readonly #object: BpfObject;
  readonly #ring: BpfRing;
  #kept: T[] = [];
  #dropped = 0;

  /** `parse` gives undefined for a record that is of no use; one that is shorter than `bytes` is not handed to it. */
  constructor(object: BpfObject, layout: { bytes: number; most: number; parse(record: Buffer): T | undefined }) {
    this.#object = object;
    this.#ring = object.ring("records", (bytes) => {
      const record = bytes.length < layout.bytes ? undefined : layout.parse(bytes);
      if (record === undefined) return;
      if (this.#kept.length < layout.most) this.#kept.push(record);
      else this.#dropped += 1;
    });
  }

  /** What was told since the last time, oldest first. */
  take(): T[] {
    this.#ring.empty();
    const taken = this.#kept;
    this.#kept = [];
    return taken;
  }

  /** Records that were lost since the start: in the kernel's ring, or here. */
  get lost(): number {
    const lost = this.#object.value(".bss", Buffer.alloc(4), 8);
    return this.#dropped + Number(lost?.readBigUInt64LE() ?? 0n);
  }
}

export class BpfIterator {
  readonly #create: () => number;
  readonly #part = Buffer.allocUnsafeSlow(PART_BYTES);

  constructor(create: () => number) {
    this.#create = create;
  }

  /**
   * The output of one pass, in parts of whole records; each is overwritten by the next. The kernel goes on when the next
   * part is asked for, so whoever takes them may let others in between. Throws where the kernel does not go on.
   */
  *read(): Generator<Buffer> {
    const fd = this.#open();
    try {
      for (;;) {
        const length = readSync(fd, this.#part, 0, PART_BYTES, null);
        if (length === 0) return;
        yield this.#part.subarray(0, length);
      }
    } finally {
      closeSync(fd);
    }
  }

  /**
   * The same, of an iterator that passes over many to show few: one part may take as long as the whole pass, so a thread
   * of the pool waits for it. Several passes may go on at a time.
   */
  async *readInPool(): AsyncGenerator<Buffer> {
    const fd = this.#open();
    const part = Buffer.allocUnsafeSlow(PART_BYTES);
    try {
      for (;;) {
        const { bytesRead } = await readFd(fd, part, 0, PART_BYTES, null);
        if (bytesRead === 0) return;
        yield part.subarray(0, bytesRead);
      }
    } finally {
      closeSync(fd);
    }
  }

  #open(): number {
    const fd = this.#create();
    if (fd < 0) throw new Error(`no iterator: errno ${-fd}`);
    return fd;
  }
}

/** union bpf_iter_link_info of linux/bpf.h. */
function iteratorOptions(mapFd: number): IteratorOptions {
  const info = Buffer.alloc(16);
  info.writeUInt32LE(mapFd);
  return { size: ITERATOR_OPTIONS_BYTES, info, info_bytes: info.length };
}

/** Our own one's inode number. */
function pidNamespace(): Buffer {
  const constant = Buffer.alloc(4);
  constant.writeUInt32LE(Number(/\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0]));
  return constant;
}

const EPERM = 1;
const EACCES = 13;

function refusalText(errno: number): string {
  return errno === EPERM || errno === EACCES ? "needs root, or CAP_BPF and CAP_PERFMON" : `errno ${errno}`;
}
