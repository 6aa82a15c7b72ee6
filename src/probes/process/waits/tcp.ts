/** A TCP socket: the process that has the mirrored end, where that is on this machine. tcp(7). */
import type { InetSocket } from "../../../kernel/sockets.ts";
import { tcpId } from "../../../model/entity.ts";
import type { BlockedTask } from "../blocked-task.ts";
import type { View } from "../view.ts";
import { waitFact, type WaitDetails, type WaitResolver } from "./resolver.ts";
import { inodeOfSocket, socketHolders, type Found } from "./socket-holders.ts";
import { listenerFor, otherEndOf, type OtherEnd } from "./tcp-ends.ts";
import { resourcesUnder } from "./tcp-over.ts";

/**
 * Sent so many times again without an answer: at least 0.6 s and 1.4 s, as each takes twice as long as the one before.
 * Packets may get lost now and then; three in a row are none of these.
 */
const RETRANSMITS_LOSSY = 2;
const RETRANSMITS_UNANSWERED = 3;
/** With less in it no receive buffer is full; tcp(7), tcp_rmem. */
const SMALLEST_BUFFER_BYTES = 4096;

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
    const known: WaitDetails = {
      serves: listenerFor(own.local, sockets) !== undefined,
      end: own.local,
      over: await resourcesUnder(own, { pid: task.pid, isNew: own.state === "SYN_SENT" }, view),
    };
    const other = await otherEndOf(own, task.pid, view);
    const now = (await view.freshInet(task.pid))?.find((socket) => socket.inode === inode) ?? own;
    const onTheWay = dataOnTheWay(task, now, other);
    if (onTheWay !== undefined) return [waitFact(task, kind, entity, { ...known, ...onTheWay })];
    const found = await holdersOfOtherEnd(task, now, other, entity, view);
    return [waitFact(task, kind, entity, { ...found, ...known }), ...found.facts];
  },
};

/**
 * What it sends, or what the other end sends it, has not got there: neither waits for the other's process then. Sent
 * again and again, packets are lost on the way, whoever has the other end. A peer that is merely stopped would still
 * acknowledge them, its kernel does that.
 */
function dataOnTheWay(task: BlockedTask, own: InetSocket, other: OtherEnd): WaitDetails | undefined {
  // Who listens there has not accepted the connection: its kernel answers nothing while the queue is full.
  if (own.state === "SYN_SENT" || ("unaccepted" in other && other.unaccepted.rxQueue > 0)) return undefined;
  const peer = "open" in other ? other.open : undefined;
  const outwards = underWay(own, peer);
  if (outwards !== undefined) return wayDetails(task, own, outwards);
  // A process that waits to send is not held up by what comes.
  if (peer === undefined || task.file?.verb === "write") return undefined;
  const inwards = underWay(peer, own);
  return inwards === undefined ? undefined : wayDetails(task, peer, inwards);
}

type UnderWay = "network.unreachable" | "network.loss" | "unknown";

/** What data that is on the way amounts to; undefined where there is none, or it is the receiver who does not read. */
function underWay({ timer, txQueue, retransmits }: InetSocket, receiver: InetSocket | undefined): UnderWay | undefined {
  if (timer === "none" || timer === "timewait") return undefined;
  // A full buffer has no room for what comes, and it is sent again as well.
  const unread = receiver?.rxQueue ?? 0;
  if (unread >= SMALLEST_BUFFER_BYTES) return undefined;
  if (retransmits >= RETRANSMITS_UNANSWERED) return "network.unreachable";
  if (timer !== "retransmit") return undefined;
  if (retransmits >= RETRANSMITS_LOSSY) return "network.loss";
  return receiver !== undefined && unread === 0 && txQueue > 0 ? "unknown" : undefined;
}

function wayDetails(task: BlockedTask, sender: InetSocket, cause: UnderWay): WaitDetails {
  const { local, remote, txQueue, timer, retransmits } = sender;
  const tries =
    timer === "keepalive"
      ? `asked ${retransmits} times whether it is there, no answer`
      : `${txQueue} bytes sent ${retransmits} times again, not acknowledged`;
  const evidence = { source: tableOf(task, sender), observed: `${local} → ${remote}: ${tries}` };
  return { cause, evidence, certainty: "derived" };
}

async function holdersOfOtherEnd(
  task: BlockedTask,
  own: InetSocket,
  other: OtherEnd,
  entity: string,
  view: View,
): Promise<Found & WaitDetails> {
  const end = { name: own.remote, across: own.inode };
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
