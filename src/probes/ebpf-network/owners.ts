/**
 * Whose a connection is: the process that the kernel saw connect it, if it still has it open; of one that was accepted
 * or handed on, whoever has it open.
 */
import { readdirSync } from "node:fs";
import type { BpfFiles } from "../../kernel/bpf-files.ts";
import type { FdHolder } from "../../kernel/fd-index.ts";
import { readFd } from "../../kernel/fds.ts";
import { SocketOwners } from "../network/socket-owners.ts";

const MAX_KNOWN = 4096;
/** Of a server with more, the walk finds it. */
const MAX_FDS = 1024;

export class Owners {
  readonly #proc: string;
  readonly #walked: SocketOwners;
  /** By the socket's inode. */
  readonly #connected = new Map<number, FdHolder>();

  constructor(proc: string, files: BpfFiles | undefined) {
    this.#proc = proc;
    this.#walked = new SocketOwners(proc, files);
  }

  async learn(connections: readonly { pid: number; inode: number }[], why: "trouble" | "figures"): Promise<void> {
    const left: number[] = [];
    for (const { pid, inode } of connections) {
      if (this.#connector(inode) !== undefined) continue;
      const fd = pid === 0 ? undefined : findFd(this.#proc, pid, inode);
      if (fd === undefined) left.push(inode);
      else this.#connected.set(inode, { pid, fd });
    }
    for (const inode of this.#connected.keys()) {
      if (this.#connected.size <= MAX_KNOWN) break;
      this.#connected.delete(inode);
    }
    await this.#walked.learn(left, why);
  }

  of(inode: number): FdHolder[] {
    const user = this.#connector(inode);
    return user === undefined ? this.#walked.of(inode) : [user];
  }

  #connector(inode: number): FdHolder | undefined {
    const user = this.#connected.get(inode);
    if (user === undefined || readFd(this.#proc, user.pid, user.fd) === nameOf(inode)) return user;
    this.#connected.delete(inode);
    return undefined;
  }
}

function findFd(proc: string, pid: number, inode: number): number | undefined {
  try {
    const fds = readdirSync(`${proc}/${pid}/fd`).slice(0, MAX_FDS).map(Number);
    return fds.find((fd) => readFd(proc, pid, fd) === nameOf(inode));
  } catch {
    return undefined;
  }
}

function nameOf(inode: number): string {
  return `socket:[${inode}]`;
}
