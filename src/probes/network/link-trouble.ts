/** What is wrong with the interfaces of a network namespace: a pure judgement of what is known of them. */
import type { Link } from "../../kernel/rtnetlink.ts";
import type { Trouble } from "../standing.ts";
import type { Gone, Interface } from "./links.ts";

/** With fewer, and a smaller share of all packets, errors do no harm that anybody would notice. */
const MIN_ERRORS = 3;
const MIN_ERROR_SHARE = 0.01;
/** Beyond, the text would not tell more. */
const MAX_NAMED = 4;

export interface Judged {
  interfaces: readonly Interface[];
  gone: readonly Gone[];
  /** An interface's id by its name. */
  entityOf(name: string): string;
}

export function linkTroubles({ interfaces, gone, entityOf }: Judged): Trouble[] {
  const byIndex = new Map(interfaces.map((it) => [it.link.index, it]));
  const members = new Map<number, Interface[]>();
  for (const it of interfaces) {
    const { master } = it.link;
    if (master !== undefined) members.set(master, [...(members.get(master) ?? []), it]);
  }
  const around: Around = { byIndex, membersOf: ({ index }) => members.get(index) ?? [] };
  const troubles = interfaces.flatMap((it) => {
    const found = [linkDown(it, around) ?? setDown(it), ...misfits(it, around), damaged(it), degraded(it, around)];
    return found.flatMap((trouble): Trouble[] =>
      trouble === undefined ? [] : [{ ...trouble, entity: entityOf(it.link.name), object: it.link.name }],
    );
  });
  return [...troubles, ...gone.map((it): Trouble => ({ ...removed(it), entity: entityOf(it.name), object: it.name }))];
}

interface Around {
  byIndex: ReadonlyMap<number, Interface>;
  /** Of a bridge or bond. */
  membersOf(link: Link): readonly Interface[];
}

type Found = Omit<Trouble, "entity" | "object">;

/** Up, but nothing is at the other end. */
function linkDown(it: Interface, around: Around): Found | undefined {
  const { link, addresses } = it;
  if (!link.isUp || link.hasCarrier || !isMissed(it, around)) return undefined;
  const because = reasonOf(link, around);
  const observed = [`up, no carrier, operstate ${link.operstate}`, because, addressText(addresses)];
  return {
    type: "topo.link_down",
    head: "LINK_DOWN",
    ...(because === undefined ? {} : { more: because }),
    severity: "fault",
    source: sourceOf(link),
    observed: observed.filter((part) => part !== undefined).join("; "),
  };
}

/** Whether the carrier should be there: it was, or somebody has given the interface an address to be used. */
function isMissed({ link, addresses, hadCarrier }: Interface, { membersOf }: Around): boolean {
  switch (link.kind) {
    case "bridge":
      // Without a port that is up there is nothing that could have a link: a bridge for containers, and none runs.
      return membersOf(link).some((member) => member.link.isUp) && (hadCarrier || addresses.length > 0);
    case "tun":
      // A persistent one, whose program has not been started yet.
      return hadCarrier;
    case undefined: {
      const linkedOnce = (link.carrierUps ?? 0) > 0 && link.master !== undefined;
      return hadCarrier || linkedOnce || addresses.length > 0;
    }
    default:
      return hadCarrier || addresses.length > 0;
  }
}

function reasonOf(link: Link, { byIndex, membersOf }: Around): string | undefined {
  const members = membersOf(link);
  if (members.length > 0) return `none of its members has a link: ${named(members)}`;
  if (link.lower === undefined || link.isLowerElsewhere || link.lower === link.index) return undefined;
  const below = byIndex.get(link.lower);
  const what = link.kind === "veth" ? "its other end" : "below it";
  if (below === undefined || below.link.hasCarrier) return undefined;
  return below.link.isUp ? `${what}, ${below.link.name} has no carrier` : `${what}, ${below.link.name} is set down`;
}

/** Somebody has set it down, though it was in use. Some are never up: kube-ipvs0 only has addresses. */
function setDown({ link, addresses, hadCarrier }: Interface): Found | undefined {
  const wasInUse = hadCarrier || (addresses.length > 0 && (link.carrierUps ?? 0) > 0);
  if (link.isUp || !wasInUse) return undefined;
  const observed = ["administratively down", addressText(addresses)].filter((part) => part !== undefined).join("; ");
  return { type: "topo.link_down", head: "ADMIN_DOWN", severity: "fault", source: sourceOf(link), observed };
}

function removed({ name, addresses }: Gone): Found {
  return {
    type: "topo.link_down",
    head: "REMOVED",
    severity: "fault",
    source: `/sys/class/net/${name}`,
    observed: `gone: unplugged, deleted or moved to another network namespace; had ${listed(addresses)}`,
  };
}

/**
 * What may be as it should not be. Whom it hurts shows at the connections: many never send a packet that is too large,
 * or as much as would not fit.
 */
function misfits({ link, wire, bestSpeedMbitS }: Interface, { byIndex, membersOf }: Around): Found[] {
  if (!link.hasCarrier) return [];
  const source = `/sys/class/net/${link.name}`;
  const warning = { type: "error.net", severity: "warning", isHarmless: true } as const;
  const found: Found[] = [];
  if (wire.speedMbitS !== undefined && wire.speedMbitS < bestSpeedMbitS) {
    const observed = `${wire.speedMbitS} Mbit/s, was ${bestSpeedMbitS}`;
    found.push({ ...warning, head: "SPEED_LOWERED", more: observed, source: `${source}/speed`, observed });
  }
  if (wire.duplex === "half") {
    found.push({ ...warning, head: "HALF_DUPLEX", source: `${source}/duplex`, observed: "half" });
  }
  const larger = largerPeer(link, byIndex, membersOf);
  if (larger !== undefined) {
    const observed = `${link.mtu}; ${larger.name} ${larger.mtu}`;
    found.push({ ...warning, head: "MTU_MISMATCH", more: observed, source: `${source}/mtu`, observed });
  }
  return found;
}

/** Who sends it larger packets than it takes: a veth's other end, or the bridge or bond that it is a member of. */
function largerPeer(link: Link, byIndex: Around["byIndex"], membersOf: Around["membersOf"]): Link | undefined {
  const isVeth = link.kind === "veth" && link.lower !== undefined && !link.isLowerElsewhere;
  const across = isVeth ? byIndex.get(link.lower as number)?.link : undefined;
  const master = link.master === undefined ? undefined : byIndex.get(link.master)?.link;
  // A bridge passes on what comes in at another member as well.
  const siblings = master?.kind === "bridge" ? membersOf(master).map((member) => member.link) : [];
  return [across, master, ...siblings].find((other) => other !== undefined && other.isUp && other.mtu > link.mtu);
}

/** Frames arrive damaged, or cannot be sent: by the driver's own count, over the last seconds. */
function damaged({ link, recent }: Interface): Found | undefined {
  const first = recent[0];
  const last = recent.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const errors = last.errors - first.errors;
  const packets = Math.max(0, last.packets - first.packets);
  if (errors < MIN_ERRORS || errors < MIN_ERROR_SHARE * (errors + packets)) return undefined;
  const { rxErrors, txErrors, rxCrcErrors } = link.counters;
  const seconds = Math.round((last.atMs - first.atMs) / 1000);
  return {
    type: "error.net",
    head: "INTERFACE_ERRORS",
    severity: "warning",
    cause: "network.loss",
    source: `/sys/class/net/${link.name}/statistics`,
    observed: `${errors} errors beside ${packets} packets in ${seconds} s; rx_errors ${rxErrors}, of them rx_crc_errors ${rxCrcErrors}, tx_errors ${txErrors}`,
  };
}

/** A bond that lives on fewer members than it has. */
function degraded({ link }: Interface, { membersOf }: Around): Found | undefined {
  if (link.kind !== "bond" || !link.hasCarrier) return undefined;
  const lost = membersOf(link).filter(({ link: member }) => member.isGoodSlave === false || !member.hasCarrier);
  if (lost.length === 0) return undefined;
  return {
    type: "error.net",
    head: "BOND_DEGRADED",
    more: named(lost),
    severity: "warning",
    isHarmless: true,
    source: `/proc/net/bonding/${link.name}`,
    observed: `without a link: ${named(lost)}, of ${membersOf(link).length} members`,
  };
}

function sourceOf({ name }: Link): string {
  return `/sys/class/net/${name}/operstate`;
}

function addressText(addresses: readonly string[]): string | undefined {
  return addresses.length === 0 ? undefined : `has ${listed(addresses)}`;
}

function named(interfaces: readonly Interface[]): string {
  return listed(interfaces.map(({ link }) => link.name));
}

function listed(words: readonly string[]): string {
  const shown = words.slice(0, MAX_NAMED).join(" ");
  return words.length > MAX_NAMED ? `${shown} and ${words.length - MAX_NAMED} more` : shown;
}
