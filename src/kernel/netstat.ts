/** The counters of a network namespace as a whole: /proc/net/{netstat,snmp} and sockstat, and TCP's limit of memory. */

/**
 * `TcpExt: SyncookiesSent ListenDrops …` over `TcpExt: 0 3 …`, in as many pairs as there are protocols:
 * `TcpExt.ListenDrops` → 3. net/ipv4/proc.c. A pair that does not match is left out.
 */
export function parseNetstat(text: string): Map<string, number> {
  const counters = new Map<string, number>();
  const lines = text.split("\n");
  for (let at = 0; at + 1 < lines.length; at++) {
    const [protocol, ...names] = (lines[at] as string).split(" ");
    const [again, ...values] = (lines[at + 1] as string).split(" ");
    if (protocol !== again || !protocol?.endsWith(":") || names.length !== values.length) continue;
    for (const [index, name] of names.entries()) {
      const value = Number(values[index]);
      if (/^-?\d+$/.test(values[index] as string)) counters.set(`${protocol.slice(0, -1)}.${name}`, value);
    }
    at++;
  }
  return counters;
}

/** `TCP: inuse 5 orphan 0 tw 2 alloc 9 mem 3`: `TCP.mem` → 3, in pages. */
export function parseSockstat(text: string): Map<string, number> {
  const figures = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [protocol, ...words] = line.split(" ");
    if (!protocol?.endsWith(":")) continue;
    for (let at = 0; at + 1 < words.length; at += 2) {
      const value = words[at + 1] as string;
      if (/^\d+$/.test(value)) figures.set(`${protocol.slice(0, -1)}.${words[at]}`, Number(value));
    }
  }
  return figures;
}

/** Of all sockets of the machine together, in pages. tcp(7), tcp_mem. */
export interface TcpMemory {
  /** From here on TCP saves memory: windows shrink. */
  pressure: number;
  /** Here it allocates no more. */
  max: number;
}

export function parseTcpMemory(text: string): TcpMemory | undefined {
  const match = /^(\d+)\s+(\d+)\s+(\d+)\s*$/.exec(text);
  return match === null ? undefined : { pressure: Number(match[2]), max: Number(match[3]) };
}
