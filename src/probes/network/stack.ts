/**
 * What all connections of the host share: the table of tracked connections, TCP's memory, the CPUs' backlogs, the
 * queues of those who listen. Figures, and what is wrong with them.
 */
import { readConntrack, type Conntrack } from "../../kernel/conntrack.ts";
import { parseNetstat, parseSockstat, parseTcpMemory } from "../../kernel/netstat.ts";
import { readText } from "../../kernel/procfs.ts";
import { parseSoftnet } from "../../kernel/softnet.ts";
import { CONNTRACK } from "../../model/entity.ts";
import type { Attrs, Event } from "../../model/event.ts";
import type { Trouble } from "../standing.ts";

const NEARLY_FULL = 0.95;
/** What grew within this time still goes on. */
const GOES_ON_MS = 10_000;
/** Fewer packets than these in that time do no harm that anybody would notice. */
const MIN_BACKLOG_DROPS = 10;
/** A machine of hundreds of CPUs has a line for each. */
const TABLE_BYTES = 256 * 1024;
const STACK = "network";
const TCP = "tcp";

/** Counters that stand for trouble where they grow. */
interface Counts {
  softnetDropped: number;
  listenOverflows: number;
  conntrackDropped: number;
}

export class Stack {
  readonly #proc: string;
  /** What was counted at the looks of the last seconds, the oldest first. */
  #past: { atMs: number; counts: Counts }[] = [];

  constructor(proc: string) {
    this.#proc = proc;
  }

  look(nowMs: number): { figures: Event[]; troubles: Trouble[] } {
    const net = `${this.#proc}/net`;
    const softnet = parseSoftnet(readText(`${net}/softnet_stat`, TABLE_BYTES) ?? "");
    const netstat = parseNetstat(readText(`${net}/netstat`, TABLE_BYTES) ?? "");
    const snmp = parseNetstat(readText(`${net}/snmp`, TABLE_BYTES) ?? "");
    const sockstat = parseSockstat(readText(`${net}/sockstat`) ?? "");
    const limit = parseTcpMemory(readText(`${this.#proc}/sys/net/ipv4/tcp_mem`) ?? "");
    const conntrack = readConntrack(this.#proc);
    const counts: Counts = {
      softnetDropped: softnet?.dropped ?? 0,
      listenOverflows: netstat.get("TcpExt.ListenOverflows") ?? 0,
      conntrackDropped: conntrack?.dropped ?? 0,
    };
    const before = this.#past.at(-1)?.counts;
    const grown = this.#note(counts, nowMs);
    const memory = sockstat.get("TCP.mem");

    const figures: Event[] = [];
    const attrs = known({
      softnet_dropped_total: softnet?.dropped,
      softnet_squeezed_total: softnet?.squeezed,
      listen_overflows_total: netstat.get("TcpExt.ListenOverflows"),
      listen_drops_total: netstat.get("TcpExt.ListenDrops"),
      udp_receive_buffer_errors_total: snmp.get("Udp.RcvbufErrors"),
    });
    if (Object.keys(attrs).length > 0) {
      const lost =
        before === undefined ? 0 : since(before, counts, "softnetDropped") + since(before, counts, "listenOverflows");
      figures.push({ ts: nowMs, event_type: "transport.drop", entity_id: STACK, value: String(lost), attrs });
    }
    if (conntrack !== undefined) {
      const value = String(before === undefined ? 0 : since(before, counts, "conntrackDropped"));
      const facts = known({
        entries: conntrack.count,
        entries_max: conntrack.max,
        dropped_total: conntrack.dropped,
        early_dropped_total: conntrack.droppedEarly,
        insert_failed_total: conntrack.insertFailed,
      });
      figures.push({ ts: nowMs, event_type: "transport.drop", entity_id: CONNTRACK, value, attrs: facts });
    }

    const troubles = [
      conntrackTrouble(conntrack, grown.conntrackDropped, this.#proc),
      memoryTrouble(memory, limit, this.#proc),
      backlogTrouble(grown.softnetDropped, this.#proc),
      listenTrouble(grown.listenOverflows, this.#proc),
    ];
    return { figures, troubles: troubles.filter((trouble) => trouble !== undefined) };
  }

  /** By how much each has grown lately. */
  #note(counts: Counts, nowMs: number): Counts {
    this.#past.push({ atMs: nowMs, counts });
    while (this.#past.length > 2 && (this.#past[1]?.atMs ?? nowMs) <= nowMs - GOES_ON_MS) this.#past.shift();
    const first = this.#past[0]?.counts ?? counts;
    return {
      softnetDropped: since(first, counts, "softnetDropped"),
      listenOverflows: since(first, counts, "listenOverflows"),
      conntrackDropped: since(first, counts, "conntrackDropped"),
    };
  }
}

/** Full, and packets of new connections are thrown away; or nearly so. */
function conntrackTrouble(conntrack: Conntrack | undefined, dropped: number, proc: string): Trouble | undefined {
  if (conntrack === undefined || conntrack.count < NEARLY_FULL * conntrack.max) return undefined;
  const { count, max } = conntrack;
  const entries = `${count} of ${max} entries`;
  const common = {
    type: "error.net",
    entity: CONNTRACK,
    source: `${proc}/sys/net/netfilter/nf_conntrack_count`,
  } as const;
  if (dropped > 0) {
    const observed = `${entries}; ${dropped} packets dropped in the last ${GOES_ON_MS / 1000} s`;
    return { ...common, head: "CONNTRACK_FULL", severity: "fault", cause: "network.loss", observed };
  }
  return { ...common, head: "CONNTRACK_NEAR_FULL", severity: "warning", isHarmless: true, observed: entries };
}

/** At the limit, nobody's TCP gets any more memory; under pressure, windows are kept small. */
function memoryTrouble(
  pages: number | undefined,
  limit: { pressure: number; max: number } | undefined,
  proc: string,
): Trouble | undefined {
  if (pages === undefined || limit === undefined || limit.pressure === 0 || pages < limit.pressure) return undefined;
  const isFull = pages >= limit.max;
  return {
    type: "error.net",
    entity: TCP,
    head: isFull ? "TCP_MEMORY_FULL" : "TCP_MEMORY_PRESSURE",
    severity: isFull ? "fault" : "warning",
    isHarmless: !isFull,
    source: `${proc}/net/sockstat`,
    observed: `TCP mem ${pages} pages; tcp_mem pressure ${limit.pressure}, max ${limit.max}`,
  };
}

function backlogTrouble(dropped: number, proc: string): Trouble | undefined {
  if (dropped < MIN_BACKLOG_DROPS) return undefined;
  return {
    type: "error.net",
    entity: STACK,
    head: "SOFTNET_DROPS",
    severity: "warning",
    isHarmless: true,
    source: `${proc}/net/softnet_stat`,
    observed: `${dropped} packets dropped in the last ${GOES_ON_MS / 1000} s: a CPU's backlog is full`,
  };
}

function listenTrouble(overflows: number, proc: string): Trouble | undefined {
  if (overflows === 0) return undefined;
  return {
    type: "error.net",
    entity: STACK,
    head: "LISTEN_OVERFLOW",
    severity: "warning",
    isHarmless: true,
    source: `${proc}/net/netstat`,
    observed: `ListenOverflows grew by ${overflows} in the last ${GOES_ON_MS / 1000} s`,
  };
}

/** A counter of 32 bits starts anew. */
function since(was: Counts, now: Counts, key: keyof Counts): number {
  return Math.max(0, now[key] - was[key]);
}

function known(facts: Record<string, number | undefined>): Attrs {
  return Object.fromEntries(Object.entries(facts).filter((fact): fact is [string, number] => fact[1] !== undefined));
}
