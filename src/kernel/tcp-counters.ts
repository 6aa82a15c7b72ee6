/** Sums over all TCP connections of our own network namespace: /proc/net/snmp and sockstat, proc(5). */
import { parseNetstat, parseSockstat } from "./netstat.ts";
import { readText } from "./procfs.ts";

/** What is not there is left out. */
export interface TcpCounters {
  /** Segments since boot; RFC 4022 says what each counts. */
  segmentsSent?: number;
  segmentsReceived?: number;
  retransmitted?: number;
  damaged?: number;
  resetsSent?: number;
  connectsFailed?: number;
  connectionsReset?: number;
  /** Sockets that only the kernel still knows. */
  timeWait?: number;
  orphans?: number;
  /** Of all of TCP's buffers. */
  memoryPages?: number;
}

export function readTcpCounters(proc: string): TcpCounters {
  const snmp = parseNetstat(readText(`${proc}/net/snmp`) ?? "");
  const sockets = parseSockstat(readText(`${proc}/net/sockstat`) ?? "");
  const known = {
    segmentsSent: snmp.get("Tcp.OutSegs"),
    segmentsReceived: snmp.get("Tcp.InSegs"),
    retransmitted: snmp.get("Tcp.RetransSegs"),
    damaged: snmp.get("Tcp.InErrs"),
    resetsSent: snmp.get("Tcp.OutRsts"),
    connectsFailed: snmp.get("Tcp.AttemptFails"),
    connectionsReset: snmp.get("Tcp.EstabResets"),
    timeWait: sockets.get("TCP.tw"),
    orphans: sockets.get("TCP.orphan"),
    memoryPages: sockets.get("TCP.mem"),
  };
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
}
