/** Who has a socket open, as held facts, or why nobody can be named. */
import { held, type Certainty, type Fact, type NoHolder, type Role } from "../fact.ts";
import type { View } from "../view.ts";
import { MAX_HOLDERS } from "./resolver.ts";

interface SoughtSocket {
  inode: number;
  entity: string;
  role: Role;
  /** Which socket it is: `is its other end`, `listening on 127.0.0.1:80`. */
  what: string;
  certainty?: Certainty;
  /** Where the entity is a connection: which end of it this is, and the inode of the one across. */
  end?: { name: string; across: number };
}

export interface Found {
  facts: Fact[];
  holder?: NoHolder;
  blind: string[];
}

/** Several have it after a fork: all are named. */
export async function socketHolders(view: View, socket: SoughtSocket): Promise<Found> {
  const { entity, role, end, certainty = "observed" } = socket;
  const target = nameOf(socket.inode);
  const { holders, partial } = await view.holders(target);
  // Who has both ends may act on either, so no end is told of it.
  const across = end === undefined ? [] : (await view.holders(nameOf(end.across))).holders;
  const facts = new Map<number, Fact>();
  for (const { pid, fd } of holders) {
    if (facts.has(pid) || facts.size >= MAX_HOLDERS) continue;
    const evidence = { source: `/proc/${pid}/fd/${fd}`, observed: `${target} ${socket.what}`, certainty };
    const hasBoth = across.some((other) => other.pid === pid);
    facts.set(pid, held(entity, pid, role, end === undefined || hasBoth ? evidence : { ...evidence, end: end.name }));
  }
  const blind = partial ? ["fds"] : [];
  if (facts.size > 0) return { facts: [...facts.values()], blind };
  return { facts: [], holder: partial ? "hidden" : "gone", blind };
}

export function inodeOfSocket(target: string | undefined): number | undefined {
  const inode = /^socket:\[(\d+)\]$/.exec(target ?? "")?.[1];
  return inode === undefined ? undefined : Number(inode);
}

function nameOf(inode: number): string {
  return `socket:[${inode}]`;
}
