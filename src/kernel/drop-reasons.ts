/**
 * Why the kernel throws packets away: of the reasons in include/net/dropreason-core.h those that say that somebody lost
 * something. The others tell of what nobody waits for: a packet that was used up, came twice, or had no socket.
 */
import { kernelEnum } from "./btf.ts";

const LOSSES: ReadonlySet<string> = new Set([
  // Somebody's rule.
  "NETFILTER_DROP", "BPF_CGROUP_EGRESS", "TC_INGRESS", "TC_EGRESS", "XDP", "SOCKET_FILTER", "XFRM_POLICY",
  "SECURITY_HOOK",
  // No way there.
  "IP_OUTNOROUTES", "IP_INNOROUTES", "IP_RPFILTER", "IP_INADDRERRORS", "IP_INVALID_SOURCE", "IP_LOCAL_SOURCE",
  "IP_LOCALNET", "IP_INVALID_DEST", "NEIGH_CREATEFAIL", "NEIGH_FAILED", "NEIGH_DEAD", "NEIGH_HH_FILLFAIL",
  "DEV_READY", "IPV6DISABLED",
  // No room.
  "SOCKET_RCVBUFF", "SOCKET_BACKLOG", "PROTO_MEM", "CPU_BACKLOG", "FULL_RING", "NOMEM", "NEIGH_QUEUEFULL",
  "QDISC_DROP", "QDISC_OVERLIMIT", "QDISC_CONGESTED", "CAKE_FLOOD", "FQ_BAND_LIMIT", "FQ_HORIZON_LIMIT",
  "FQ_FLOW_LIMIT", "DUALPI2_STEP_DROP", "TCP_OFO_QUEUE_PRUNE", "TCP_OFO_DROP", "PKT_TOO_BIG", "FRAG_TOO_FAR", "FRAG_REASM_TIMEOUT",
  // Damaged, or not proven to be the peer's.
  "TCP_CSUM", "SKB_CSUM", "IP_CSUM", "HDR_TRUNC", "TCP_AUTH_HDR", "TCP_MD5NOTFOUND",
  "TCP_MD5UNEXPECTED", "TCP_MD5FAILURE", "TCP_AONOTFOUND", "TCP_AOUNEXPECTED", "TCP_AOKEYNOTFOUND", "TCP_AOFAILURE",
]); // prettier-ignore

/** The receiving process or its memory is short of room: no fault of the network's. */
export const RECEIVERS_LOSSES: ReadonlySet<string> = new Set([
  "SOCKET_RCVBUFF", "SOCKET_BACKLOG", "PROTO_MEM", "TCP_OFO_QUEUE_PRUNE", "TCP_OFO_DROP",
]); // prettier-ignore

/** By the running kernel's number. */
export async function dropReasons(): Promise<Map<number, string>> {
  const reasons = await kernelEnum("skb_drop_reason", "SKB_DROP_REASON_");
  for (const [number, name] of reasons) if (!LOSSES.has(name)) reasons.delete(number);
  return reasons;
}
