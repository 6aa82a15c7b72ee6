/**
 * When data last went over each TCP connection of our own network namespace: /proc/net/tcp does not tell. Who has sent
 * last and got nothing since waits for an answer.
 */
import { openConnections, type TcpInfo } from "./tcp-info.ts";

/** `sentMs` and `receivedMs` are how long ago. */
export type TcpActivity = Pick<TcpInfo, "sentMs" | "receivedMs" | "bytesAcked" | "bytesReceived">;

/** By inode; or why they cannot be told. */
export async function tcpActivity(deadlineMs = 500): Promise<Map<number, TcpActivity> | string> {
  const activity = new Map<number, TcpActivity>();
  const refusal = await openConnections(deadlineMs, ({ inode, info }) => {
    if (info !== undefined) activity.set(inode, info);
  });
  return refusal ?? activity;
}

/**
 * It has sent data and received none since: an answer is due. Both times count in the kernel's ticks, so a quick
 * answer shows the same time; and what was sent together with the handshake was sent before anything was received.
 */
export function awaitsAnswer({ sentMs, receivedMs, bytesAcked, bytesReceived }: TcpActivity): boolean {
  // The handshake itself counts as one byte acknowledged (RFC 9293, 3.4).
  if (bytesReceived === 0) return bytesAcked > 1;
  return sentMs < receivedMs;
}
