/** How connections in trouble, what was lost of them and how they ended are told. Pure. */
import type { ConnectionEnd } from "../../kernel/bpf-network.ts";
import { RECEIVERS_LOSSES } from "../../kernel/drop-reasons.ts";
import { tcpId } from "../../model/entity.ts";
import type { Event } from "../../model/event.ts";
import { entityOf, retransmitTrouble, type NetTrouble } from "../network/connection-events.ts";
import type { Trouble } from "../standing.ts";
import type { Loss } from "./drop-book.ts";

const SOURCE = "eBPF, struct tcp_sock";

/** As `network` tells it, with why. */
export function retransmitTold(
  socket: Parameters<typeof retransmitTrouble>[0],
  trouble: NetTrouble,
  loss: Loss | undefined,
): Trouble {
  const told = retransmitTrouble(socket, trouble);
  const observed = loss === undefined ? told.observed : `${told.observed}; ${lossText(loss)}`;
  return { ...told, more: String(trouble.retransmits), source: SOURCE, observed };
}

/** `isDead`: nothing was acknowledged for long. */
export function lossTold(loss: Loss, isDead: boolean): Trouble {
  const { local, remote } = loss.connection;
  const isReceivers = RECEIVERS_LOSSES.has(loss.reason);
  return {
    type: "error.net",
    entity: entityOf(loss.connection),
    head: `DROP_${loss.reason}`,
    severity: isDead && !isReceivers ? "fault" : "warning",
    ...(isReceivers ? { isHarmless: true } : { cause: isDead ? "network.unreachable" : "network.loss" }),
    source: "tracepoint skb:kfree_skb",
    observed: `${loss.way === "sent" ? `${local} → ${remote}` : `${remote} → ${local}`}: ${lossText(loss)}`,
  };
}

/** What `network` reads elsewhere is from the socket here. */
export function fromSocket(event: Event): Event {
  return event.attrs?.source === undefined ? event : { ...event, attrs: { ...event.attrs, source: SOURCE } };
}

const HEADS = { "reset received": "RESET_BY_PEER", "reset sent": "RESET_SENT", "given up": "GIVEN_UP" } as const;
const TRACEPOINTS = {
  "reset received": "tcp:tcp_receive_reset",
  "reset sent": "tcp:tcp_send_reset",
  "given up": "sock:inet_sock_set_state",
} as const;

/** It is over, so nobody is held up by it; of the process `pid`, where that is still there. */
export function endTold(end: ConnectionEnd, pid: number | undefined, nowMs: number): Event {
  const { kind, reason, retransmitted, local, remote } = end;
  const observed = `${local} → ${remote}: ${kind}${reason === "" ? "" : `, ${reason}`}, ${retransmitted} segments sent again`;
  return {
    ts: nowMs,
    event_type: "error.net",
    entity_id: tcpId(local, remote),
    ...(pid === undefined ? {} : { pid }),
    value: reason === "" ? HEADS[kind] : `${HEADS[kind]}:${reason}`,
    attrs: { severity: "warning", scope: "process", source: `tracepoint ${TRACEPOINTS[kind]}`, observed },
  };
}

function lossText({ count, reason }: Loss): string {
  return `${count} packets dropped by the kernel: ${reason}`;
}
