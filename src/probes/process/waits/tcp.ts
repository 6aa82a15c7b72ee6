/** A TCP socket: the process that has the mirrored end, where that is on this machine. tcp(7). */
import type { InetSocket } from "../../../kernel/sockets.ts";
import { tcpId } from "../../../model/entity.ts";
import type { BlockedTask } from "../blocked-task.ts";
import type { View } from "../view.ts";
import { waitFact, type WaitDetails, type WaitResolver } from "./resolver.ts";
import { inodeOfSocket, socketHolders, type Found } from "./socket-holders.ts";
import { listenerFor, otherEndOf } from "./tcp-ends.ts";

/** Sent so many times again without an answer: at least 0.6 s, as each takes twice as long as the one before. */
const RETRANSMITS_UNANSWERED = 2;

export const tcpWait: WaitResolver = {
  kind: "tcp",
  matches: ({ file }) => inodeOfSocket(file?.target) !== undefined,

  async resolve(task, view) {
    const inode = inodeOfSocket(task.file?.target) as number;
    const sockets = await view.inet(task.pid, inode);
    const own = sockets?.find((socket) => socket.inode === inode);
    if (sockets === undefined || own?.protocol !== "tcp") return [];
    if (own.state === "LISTEN") return [waitFact(task, "tcp.accept", `listen:${own.local}`, { serves: true })];

    const entity = tcpId(own.local, own.remote);
    const connects = own.state === "SYN_SENT" || task.file?.verb === "connect";
    const kind = connects ? "tcp.connect" : task.file?.verb === "write" ? "tcp.send" : "tcp.recv";
    const serves = listenerFor(own.local, sockets) !== undefined;
    const unanswered = unansweredBy(task, own);
    if (unanswered !== undefined) return [waitFact(task, kind, entity, { ...unanswered, serves, end: own.local })];
    const found = await holdersOfOtherEnd(task, own, entity, view);
    return [waitFact(task, kind, entity, { ...found, serves, end: own.local }), ...found.facts];
  },
};

/**
 * What it sends is sent again and again: packets are lost on the way, whoever has the other end. A peer that is merely
 * stopped would still acknowledge them, its kernel does that.
 */
function unansweredBy(task: BlockedTask, own: InetSocket): WaitDetails | undefined {
  if (own.state === "SYN_SENT" || own.timer !== "retransmit" || own.retransmits < RETRANSMITS_UNANSWERED) {
    return undefined;
  }
  const observed = `${own.local} → ${own.remote}: ${own.txQueue} bytes sent ${own.retransmits} times again, not acknowledged`;
  return { cause: "network.unreachable", evidence: { source: tableOf(task, own), observed }, certainty: "derived" };
}

async function holdersOfOtherEnd(
  task: BlockedTask,
  own: InetSocket,
  entity: string,
  view: View,
): Promise<Found & WaitDetails> {
  const end = { name: own.remote, across: own.inode };
  const other = await otherEndOf(own, task.pid, view);
  if ("nobody" in other) return { facts: [], holder: other.nobody, blind: other.nobody === "hidden" ? ["peers"] : [] };
  if ("open" in other) {
    const { open: peer } = other;
    const what = `${peer.local} → ${peer.remote} ${peer.state}, ${peer.rxQueue} bytes unread`;
    return socketHolders(view, { inode: peer.inode, entity, role: "peer", what, end });
  }
  const { unaccepted: listener } = other;
  // A listener answers as long as its queue is not full, even while its process is stopped: the SYN was lost.
  if (own.state === "SYN_SENT" && own.retransmits > 0 && listener.rxQueue === 0) {
    const observed = `${own.local} → ${own.remote} SYN_SENT, sent ${own.retransmits} times again`;
    const evidence = { source: tableOf(task, own), observed };
    return { facts: [], cause: "network.unreachable", evidence, certainty: "derived", blind: [] };
  }
  const what = `listening on ${listener.local}, ${listener.rxQueue} not accepted`;
  return socketHolders(view, { inode: listener.inode, entity, role: "server", what, certainty: "derived", end });
}

function tableOf({ pid }: BlockedTask, { local }: InetSocket): string {
  return `/proc/${pid}/net/tcp${local.startsWith("[") ? "6" : ""}`;
}
