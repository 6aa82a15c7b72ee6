/**
 * The interfaces of a network namespace and their addresses, by rtnetlink(7): one dump each. No right is needed for it.
 * Bytes only; netlink.ts exchanges them. It must not know what a state is good or bad for.
 *
 * A dump of interfaces takes the kernel's RTNL lock, which a hanging driver may hold for ever: helper.ts asks for it.
 */
import { ipv6Text } from "./endpoint.ts";
import { exchange } from "./netlink.ts";
import { records } from "./sock-diag.ts";

export interface Link {
  index: number;
  name: string;
  /** ARPHRD_*: 1 is Ethernet, 32 InfiniBand, 772 the loopback; linux/if_arp.h. */
  hardware: number;
  isLoopback: boolean;
  /** Administratively: somebody has set it up. */
  isUp: boolean;
  /** The link below is there; of an interface that is not up, false. */
  hasCarrier: boolean;
  /** RFC 2863: `up`, `down`, `lowerlayerdown`, `dormant`, `unknown` … */
  operstate: string;
  mtu: number;
  /** `veth`, `bridge`, `bond`, `tun` …; undefined for a piece of hardware. */
  kind?: string;
  /** Index of the bridge or bond that it is a member of. */
  master?: number;
  /** Index of what it lies on, or of a veth's other end. */
  lower?: number;
  /** That one is in another network namespace, where the index is another one's here. */
  isLowerElsewhere: boolean;
  /** How often the link has come and gone, in all. */
  carrierChanges?: number;
  /** How often it has come. */
  carrierUps?: number;
  /** Of a bond's member, whether the bond finds its link well. */
  isGoodSlave?: boolean;
  counters: LinkCounters;
}

/** Since the interface was made; struct rtnl_link_stats64 of linux/if_link.h says what each counts. */
export interface LinkCounters {
  rxBytes: number;
  txBytes: number;
  rxPackets: number;
  txPackets: number;
  rxErrors: number;
  txErrors: number;
  rxDropped: number;
  txDropped: number;
  /** Part of the errors: frames damaged on the way. */
  rxCrcErrors: number;
  /** Frames that the hardware had no room for; not everywhere part of the drops. */
  rxMissed: number;
  collisions: number;
}

export interface LinkAddress {
  /** Of the interface. */
  index: number;
  /** Without the prefix: `10.0.0.1`, `fe80::1`. */
  address: string;
  /** Not of a scope that ends at this link or host: `169.254…` of the kernel's own making, `fe80::…`. */
  isGlobal: boolean;
}

export interface LinkTable {
  links: Link[];
  /** Undefined where they cannot be told. */
  addresses?: LinkAddress[];
  /** False where the kernel says that something changed while it was written: something may be missing. */
  isComplete: boolean;
}

const NETLINK_ROUTE = 0;
const MAX_TRIES = 3;

/** Those of the namespace that this thread is in; or why they cannot be told. */
export async function readLinkTable(deadlineMs = 500): Promise<LinkTable | string> {
  try {
    for (let tries = 1; ; tries++) {
      const links: Link[] = [];
      const addresses: LinkAddress[] = [];
      const linksWhole = await dump(buildRequest("links"), deadlineMs, (datagram) =>
        links.push(...parseLinks(datagram)),
      );
      const addressesWhole = await dump(buildRequest("addresses"), deadlineMs, (datagram) =>
        addresses.push(...parseAddresses(datagram)),
      );
      const isComplete = linksWhole && addressesWhole;
      if (isComplete || tries === MAX_TRIES) return { links, addresses, isComplete };
    }
  } catch (error) {
    return (error as Error).message;
  }
}

// linux/netlink.h, linux/rtnetlink.h
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const NLM_F_REQUEST_DUMP = 0x301;
const NLM_F_DUMP_INTR = 0x10;
const HEADER_BYTES = 16;
const LINK_MESSAGE_BYTES = 16;
const ADDRESS_MESSAGE_BYTES = 8;
/** NLA_F_NESTED and NLA_F_NET_BYTEORDER are flags in an attribute's type. */
const ATTRIBUTE_TYPE = 0x3fff;

/** Whether the dump is whole. Throws an Error where the kernel refuses. */
async function dump(request: Buffer, deadlineMs: number, take: (datagram: Buffer) => void): Promise<boolean> {
  let isWhole = true;
  for await (const datagram of exchange(NETLINK_ROUTE, request, deadlineMs)) {
    const { isDone, isInterrupted, errno } = readHeaders(datagram);
    if (errno !== undefined) throw new Error(`rtnetlink refuses: errno ${errno}`);
    take(datagram);
    if (isInterrupted) isWhole = false;
    if (isDone) return isWhole;
  }
  return false;
}

export function buildRequest(what: "links" | "addresses"): Buffer {
  const request = Buffer.alloc(HEADER_BYTES + (what === "links" ? LINK_MESSAGE_BYTES : ADDRESS_MESSAGE_BYTES));
  request.writeUInt32LE(request.length, 0);
  request.writeUInt16LE(what === "links" ? RTM_GETLINK : RTM_GETADDR, 4);
  request.writeUInt16LE(NLM_F_REQUEST_DUMP, 6);
  request.writeUInt32LE(1, 8);
  return request;
}

/** What the headers of a datagram's messages say of the dump. */
export function readHeaders(datagram: Buffer): { isDone: boolean; isInterrupted: boolean; errno?: number } {
  const said: ReturnType<typeof readHeaders> = { isDone: false, isInterrupted: false };
  for (let at = 0; at + HEADER_BYTES <= datagram.length;) {
    const length = datagram.readUInt32LE(at);
    if (length < HEADER_BYTES || at + length > datagram.length) break;
    const type = datagram.readUInt16LE(at + 4);
    if ((datagram.readUInt16LE(at + 6) & NLM_F_DUMP_INTR) !== 0) said.isInterrupted = true;
    if (type === NLMSG_DONE) said.isDone = true;
    if (type === NLMSG_ERROR && length >= HEADER_BYTES + 4) said.errno = -datagram.readInt32LE(at + HEADER_BYTES);
    at += (length + 3) & ~3;
  }
  return said;
}

const IFF_UP = 1;
const IFF_LOOPBACK = 8;
const IFF_LOWER_UP = 0x10000;
/** linux/if.h, from IF_OPER_UNKNOWN. */
const OPERSTATES = ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"] as const;

const NO_COUNTERS: LinkCounters = {
  rxBytes: 0,
  txBytes: 0,
  rxPackets: 0,
  txPackets: 0,
  rxErrors: 0,
  txErrors: 0,
  rxDropped: 0,
  txDropped: 0,
  rxCrcErrors: 0,
  rxMissed: 0,
  collisions: 0,
};

/** What is cut short or unknown is left out. */
export function parseLinks(datagram: Buffer): Link[] {
  const links: Link[] = [];
  for (const { type, body } of messages(datagram)) {
    if (type !== RTM_NEWLINK || body.length < LINK_MESSAGE_BYTES) continue;
    const flags = body.readUInt32LE(8);
    const link: Link = {
      index: body.readInt32LE(4),
      name: "",
      hardware: body.readUInt16LE(2),
      isLoopback: (flags & IFF_LOOPBACK) !== 0,
      isUp: (flags & IFF_UP) !== 0,
      hasCarrier: (flags & IFF_LOWER_UP) !== 0,
      operstate: "unknown",
      mtu: 0,
      isLowerElsewhere: false,
      counters: { ...NO_COUNTERS },
    };
    for (const attribute of attributes(body.subarray(LINK_MESSAGE_BYTES))) readLinkAttribute(link, attribute);
    if (link.name !== "") links.push(link);
  }
  return links;
}

interface Attribute {
  type: number;
  body: Buffer;
}

// linux/if_link.h
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_OPERSTATE = 16;
const IFLA_LINKINFO = 18;
const IFLA_STATS64 = 23;
const IFLA_CARRIER_CHANGES = 35;
const IFLA_LINK_NETNSID = 37;
const IFLA_CARRIER_UP_COUNT = 47;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BOND_SLAVE_MII_STATUS = 2;
/** linux/if_bonding.h */
const BOND_LINK_UP = 0;

function readLinkAttribute(link: Link, { type, body }: Attribute): void {
  if (type === IFLA_IFNAME) link.name = textIn(body);
  if (type === IFLA_OPERSTATE && body.length >= 1) link.operstate = OPERSTATES[body.readUInt8(0)] ?? "unknown";
  if (type === IFLA_LINKINFO) readLinkInfo(link, body);
  if (type === IFLA_STATS64) link.counters = countersIn(body);
  if (type === IFLA_LINK_NETNSID) link.isLowerElsewhere = true;
  if (body.length < 4) return;
  const number = body.readUInt32LE(0);
  if (type === IFLA_MTU) link.mtu = number;
  if (type === IFLA_LINK) link.lower = number;
  if (type === IFLA_MASTER) link.master = number;
  if (type === IFLA_CARRIER_CHANGES) link.carrierChanges = number;
  if (type === IFLA_CARRIER_UP_COUNT) link.carrierUps = number;
}

function readLinkInfo(link: Link, bytes: Buffer): void {
  let memberOf = "";
  for (const { type, body } of attributes(bytes)) {
    if (type === IFLA_INFO_KIND) link.kind = textIn(body);
    if (type === IFLA_INFO_SLAVE_KIND) memberOf = textIn(body);
    if (type !== IFLA_INFO_SLAVE_DATA || memberOf !== "bond") continue;
    for (const { type: fact, body: value } of attributes(body)) {
      if (fact === IFLA_BOND_SLAVE_MII_STATUS && value.length >= 1) {
        link.isGoodSlave = value.readUInt8(0) === BOND_LINK_UP;
      }
    }
  }
}

/** struct rtnl_link_stats64, which has grown at its end only. */
function countersIn(body: Buffer): LinkCounters {
  const at = (place: number) => (body.length >= 8 * place + 8 ? Number(body.readBigUInt64LE(8 * place)) : 0);
  return {
    rxPackets: at(0),
    txPackets: at(1),
    rxBytes: at(2),
    txBytes: at(3),
    rxErrors: at(4),
    txErrors: at(5),
    rxDropped: at(6),
    txDropped: at(7),
    collisions: at(9),
    rxCrcErrors: at(12),
    rxMissed: at(15),
  };
}

const AF_INET = 2;
const AF_INET6 = 10;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
/** RT_SCOPE_LINK; larger is nearer, and RT_SCOPE_SITE (200) is still beyond the link. */
const SCOPE_LINK = 253;

export function parseAddresses(datagram: Buffer): LinkAddress[] {
  const addresses: LinkAddress[] = [];
  for (const { type, body } of messages(datagram)) {
    if (type !== RTM_NEWADDR || body.length < ADDRESS_MESSAGE_BYTES) continue;
    let bytes: Buffer | undefined;
    for (const { type: fact, body: value } of attributes(body.subarray(ADDRESS_MESSAGE_BYTES))) {
      // Of a point-to-point link, IFA_ADDRESS is the other end's.
      if (fact === IFA_LOCAL || (fact === IFA_ADDRESS && bytes === undefined)) bytes = value;
    }
    const address = bytes && addressText(body.readUInt8(0), bytes);
    if (address === undefined) continue;
    addresses.push({ index: body.readUInt32LE(4), address, isGlobal: body.readUInt8(3) < SCOPE_LINK });
  }
  return addresses;
}

function addressText(family: number, bytes: Buffer): string | undefined {
  if (family === AF_INET && bytes.length === 4) return bytes.join(".");
  return family === AF_INET6 && bytes.length === 16 ? ipv6Text(bytes) : undefined;
}

function* messages(datagram: Buffer): Generator<Attribute> {
  yield* records(datagram, HEADER_BYTES, (at) => datagram.readUInt32LE(at), 4);
}

function* attributes(bytes: Buffer): Generator<Attribute> {
  for (const { type, body } of records(bytes, 4, (at) => bytes.readUInt16LE(at), 2)) {
    yield { type: type & ATTRIBUTE_TYPE, body };
  }
}

/** Up to the zero byte that ends it. */
function textIn(body: Buffer): string {
  const end = body.indexOf(0);
  return body.toString("utf8", 0, end < 0 ? body.length : end);
}
