/**
 * An address and port as /proc/net/tcp writes them, made readable. Both ends of a connection must come out spelled
 * alike, whichever of tcp and tcp6 they stand in.
 */

const HEX = /^(?:[0-9A-F]{8}|[0-9A-F]{32}):[0-9A-F]{4}$/i;

/**
 * `0100007F:0050` → `127.0.0.1:80`. The kernel prints each 32-bit word in host order, little-endian on every machine
 * xctl runs on. An IPv4 address inside IPv6 (::ffff:127.0.0.1) is written as IPv4, as the other end sees it.
 */
export function readEndpoint(text: string, family: 4 | 6): string | undefined {
  if (!HEX.test(text) || text.length !== (family === 4 ? 13 : 37)) return undefined;
  const bytes = Buffer.from(text.slice(0, -5), "hex").swap32();
  return endpointText(bytes, Number.parseInt(text.slice(-4), 16));
}

/** Of an address of 4 or 16 bytes in network order. */
export function endpointText(bytes: Buffer, port: number): string {
  if (bytes.length === 4) return `${bytes.join(".")}:${port}`;
  const mapped = bytes.subarray(0, 12).equals(V4_MAPPED);
  return mapped ? `${bytes.subarray(12).join(".")}:${port}` : `[${ipv6Text(bytes)}]:${port}`;
}

const V4_MAPPED = Buffer.from("00000000000000000000ffff", "hex");

/** RFC 5952: no leading zeros, and the first longest run of two or more zero groups as `::`. */
export function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(2 * at).toString(16));
  let runStart = 0;
  let runLength = 0;
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (groups[start + length] === "0") length += 1;
    if (length > runLength) [runStart, runLength] = [start, length];
  }
  if (runLength < 2) return groups.join(":");
  return `${groups.slice(0, runStart).join(":")}::${groups.slice(runStart + runLength).join(":")}`;
}
