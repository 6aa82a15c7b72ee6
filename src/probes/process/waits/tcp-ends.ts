/** The other end of a TCP connection: its row in a socket table of this machine, or why there is none. */
import type { InetSocket } from "../../../kernel/sockets.ts";
import type { NoHolder } from "../fact.ts";
import type { View } from "../view.ts";

export type OtherEnd =
  /** A process may have it open: it has an inode. */
  | { open: InetSocket }
  /** Nobody has accepted it yet; that is the listening socket's owner to do. */
  | { unaccepted: InetSocket }
  | { nobody: NoHolder };

type Table = readonly InetSocket[];

const ACCEPTABLE: ReadonlySet<InetSocket["state"]> = new Set(["ESTABLISHED", "SYN_RECV", "NEW_SYN_RECV", "CLOSE_WAIT"]);

export async function otherEndOf(own: InetSocket, pid: number, view: View): Promise<OtherEnd> {
  const table = await view.freshInet(pid);
  if (table === undefined) return { nobody: "hidden" };
  const here = endIn(table, own);
  if (here !== undefined) return here;
  // The peer may be in a container: its end is in another network namespace's table.
  const others = await view.otherInet(pid);
  for (const { member, sockets } of others) {
    const there = endIn(sockets, own);
    // Found by a table that may be some seconds old: how it stands now says one that is not.
    if (there !== undefined) return endIn((await view.freshInet(member)) ?? sockets, own) ?? there;
  }
  return isLocal(own) ? { nobody: "gone" } : { nobody: "remote" };
}

/** The socket that listens at the address, or at its port on every address. */
export function listenerFor(address: string, table: Table): InetSocket | undefined {
  const port = address.slice(address.lastIndexOf(":"));
  const listeners = table.filter((it) => it.state === "LISTEN" && it.local.endsWith(port));
  return (
    listeners.find((it) => it.local === address) ??
    listeners.find((it) => it.local === `0.0.0.0${port}` || it.local === `[::]${port}`)
  );
}

/** Undefined where this table does not know the other end. */
function endIn(table: Table, own: InetSocket): OtherEnd | undefined {
  const peer = table.find((it) => it.protocol === "tcp" && it.local === own.remote && it.remote === own.local);
  if (peer !== undefined && peer.inode !== 0) return { open: peer };
  // Closed by its owner, and only the kernel still finishes it.
  if (peer !== undefined && !ACCEPTABLE.has(peer.state)) return { nobody: "gone" };
  // A connection that was not accepted yet has no inode, and while its handshake lasts perhaps no row either. Without
  // a row, who listens at the port on every address may still be of another host than the one that is asked for.
  const listener = listenerFor(own.remote, table);
  const isMeant = peer !== undefined || (own.state === "SYN_SENT" && (isLocal(own) || listener?.local === own.remote));
  if (listener !== undefined && isMeant) return { unaccepted: listener };
  return peer === undefined ? undefined : { nobody: "gone" };
}

/** Both ends have the same address, or one that never leaves the network namespace. */
export function isLocal({ local, remote }: Pick<InetSocket, "local" | "remote">): boolean {
  return hostOf(local) === hostOf(remote) || /^(127\.|\[::1\])/.test(remote);
}

function hostOf(end: string): string {
  return end.slice(0, end.lastIndexOf(":"));
}
