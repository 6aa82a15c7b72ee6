/** The records of bpf/files.bpf.c, in the layout that stands there: who has which pipe, socket or file open. */
import { BpfObject, type BpfIterator } from "./bpf.ts";
import { wide } from "./bpf-tasks.ts";

/** A record as 32-bit words: how many, and which is which. */
const WORDS = 6;
const PID = 0;
const TID = 1;
const FD = 2;
const KIND = 3;
const INODE = 4;

const KINDS = [undefined, "pipe", "socket"] as const;

export interface OpenPipeOrSocket {
  pid: number;
  /** Another than the process's main one has files of its own, or the main one has exited. */
  tid: number;
  fd: number;
  /** As readlink prints it: `pipe:[123]`. */
  target: string;
}

/** Files that are neither pipe nor socket, some of a pass: as the kernel wrote them, 24 bytes each. */
export class OpenFiles {
  readonly #words: Uint32Array;

  constructor(words: Uint32Array) {
    this.#words = words;
  }

  get count(): number {
    return this.#words.length / WORDS;
  }

  /** Those whose inode has this number, on whatever file system. */
  *of(inode: number): Generator<Omit<OpenPipeOrSocket, "target">> {
    const words = this.#words;
    for (let at = 0; at + WORDS <= words.length; at += WORDS) {
      if (wide(words, at + INODE) !== inode) continue;
      const [pid, tid, fd] = [PID, TID, FD].map((field) => words[at + field]);
      // Zero: in no namespace that we see.
      if (pid && tid && fd !== undefined) yield { pid, tid, fd };
    }
  }
}

export class BpfFiles {
  readonly #object: BpfObject;
  readonly #files: BpfIterator;
  readonly #opened: BpfIterator;
  readonly #shown: BpfIterator;

  private constructor(object: BpfObject) {
    this.#object = object;
    this.#files = object.iterator("files");
    this.#opened = object.iterator("opened");
    this.#shown = object.iterator("shown");
  }

  /** Throws an Error that says why this machine does not allow it. */
  static async open(): Promise<BpfFiles> {
    const object = await BpfObject.load("files");
    try {
      return new BpfFiles(object);
    } catch (error) {
      object.close();
      throw error;
    }
  }

  /** The processes that `read` and `opened` would show. */
  async shown(): Promise<Set<number>> {
    const pids = new Set<number>();
    for await (const part of this.#shown.readInPool()) {
      for (const pid of new Uint32Array(part.buffer, part.byteOffset, part.length / 4)) pids.add(pid);
    }
    return pids;
  }

  /** One pass over pipes and sockets, some at a time. */
  async *read(): AsyncGenerator<OpenPipeOrSocket[]> {
    for await (const part of this.#files.readInPool()) {
      const open: OpenPipeOrSocket[] = [];
      const words = new Uint32Array(part.buffer, part.byteOffset, part.length / 4);
      for (let at = 0; at + WORDS <= words.length; at += WORDS) {
        const [pid, tid, fd, kind] = [PID, TID, FD, KIND].map((field) => words[at + field] as number);
        const name = KINDS[kind as number];
        // In no namespace that we see.
        if (!pid || !tid || fd === undefined || name === undefined) continue;
        // The kernel numbers both kinds with 32 bits: get_next_ino of fs/inode.c.
        open.push({ pid, tid, fd, target: `${name}:[${words[at + INODE]}]` });
      }
      yield open;
    }
  }

  /** One pass over all else that has an inode of its own, some at a time. */
  async *opened(): AsyncGenerator<OpenFiles> {
    for await (const part of this.#opened.readInPool()) {
      // Copied: the next part comes to the same place.
      yield new OpenFiles(new Uint32Array(part.buffer, part.byteOffset, part.length / 4).slice());
    }
  }

  close(): void {
    this.#object.close();
  }
}
