/**
 * A UDP socket. A connected one hears one peer alone; to any other, anybody may send: it waits as a server does. udp(7).
 */
import type { InetSocket } from "../../../kernel/sockets.ts";
import type { BlockedTask } from "../blocked-task.ts";
import type { Fact } from "../fact.ts";
import type { View } from "../view.ts";
import { waitFact, type WaitResolver } from "./resolver.ts";
import { inodeOfSocket, socketHolders } from "./socket-holders.ts";
import { isLocal } from "./tcp-ends.ts";

export const udpWait: WaitResolver = {
  kind: "udp",
  matches: ({ file }) => inodeOfSocket(file?.target) !== undefined,

  async resolve(task, view) {
    const inode = inodeOfSocket(task.file?.target) as number;
    const sockets = await view.inet(task.pid, inode);
    const own = sockets?.find((socket) => socket.inode === inode);
    if (sockets === undefined || own?.protocol !== "udp") return [];
    const kind = task.file?.verb === "write" ? "udp.send" : "udp.recv";
    if (own.state !== "ESTABLISHED") return [waitFact(task, kind, `udp:${own.local}`, { serves: kind === "udp.recv" })];
    return connected(task, kind, own, view);
  },
};

async function connected(task: BlockedTask, kind: string, own: InetSocket, view: View): Promise<Fact[]> {
  const ends = own.local < own.remote ? [own.local, own.remote] : [own.remote, own.local];
  const entity = `udp:${ends.join("-")}`;
  const table = (await view.freshInet(task.pid)) ?? [];
  const peer =
    receiverAt(own, table) ??
    (await view.otherInet(task.pid)).map(({ sockets }) => receiverAt(own, sockets)).find(Boolean);
  if (peer === undefined) {
    const observed = `${own.local} → ${own.remote}, nothing received`;
    const evidence = { source: `/proc/${task.pid}/net/udp`, observed };
    return [waitFact(task, kind, entity, { holder: "remote", cause: "network.peer_silent", evidence })];
  }
  const what = `${peer.local}, ${peer.rxQueue} bytes unread`;
  const end = { name: own.remote, across: own.inode };
  const found = await socketHolders(view, { inode: peer.inode, entity, role: "peer", what, certainty: "derived", end });
  return [waitFact(task, kind, entity, { ...found, end: own.local }), ...found.facts];
}

/**
 * The socket that gets what is sent there: one connected to us before one at the address, before one at any address;
 * which is another host's where the address is none of ours.
 */
function receiverAt(own: InetSocket, table: readonly InetSocket[]): InetSocket | undefined {
  const port = own.remote.slice(own.remote.lastIndexOf(":"));
  const bound = table.filter((it) => it.protocol === "udp" && it.inode !== own.inode && it.local.endsWith(port));
  const open = bound.filter((it) => it.state !== "ESTABLISHED");
  return (
    bound.find((it) => it.local === own.remote && it.remote === own.local) ??
    open.find((it) => it.local === own.remote) ??
    (isLocal(own) ? open.find((it) => it.local === `0.0.0.0${port}` || it.local === `[::]${port}`) : undefined)
  );
}
