/** How wide and how fast a PCI Express device is connected: Documentation/ABI/testing/sysfs-bus-pci. */
import { dirname } from "node:path";
import { numberIn } from "./hwmon.ts";
import { readText } from "./procfs.ts";

export interface PcieLink {
  width: number;
  /** What both ends can do: the card's own lanes, and those that the slot has. */
  maxWidth: number;
  /** Gigatransfers a second and lane; it falls while the card has nothing to do. */
  speedGts?: number;
  maxSpeedGts?: number;
}

/** PCI_EXP_LNKSTA_NLW: six bits; all ones are read of a device that does not answer. */
const MAX_WIDTH = 32;
/** A switch on the card itself stands between its chip and the slot: two bridges of the card's maker. */
const MAX_BRIDGES = 2;

/** `device`: its real path in sysfs, in which the bridges above it are the folders above it. */
export function readPcieLink(device: string): PcieLink | undefined {
  const slotSide = outermost(device);
  const width = widthOf(slotSide, "current_link_width");
  const own = widthOf(slotSide, "max_link_width");
  if (width === undefined || own === undefined) return undefined;
  const slot = widthOf(dirname(slotSide), "max_link_width");
  const speedGts = speedOf(slotSide, "current_link_speed");
  const maxSpeedGts = speedOf(slotSide, "max_link_speed");
  return {
    width,
    maxWidth: Math.min(own, slot ?? own),
    ...(speedGts === undefined ? {} : { speedGts }),
    ...(maxSpeedGts === undefined ? {} : { maxSpeedGts }),
  };
}

/** `16.0 GT/s PCIe`, `2.5 GT/s` on older kernels, `Unknown`. */
export function parseLinkSpeed(text: string): number | undefined {
  const speed = /^(\d{1,3}(?:\.\d)?) GT\/s/.exec(text)?.[1];
  return speed === undefined ? undefined : Number(speed);
}

/** Of the bridges of the same maker above it the last, which is the card's end of the slot's link. */
function outermost(device: string): string {
  const maker = readText(`${device}/vendor`);
  let at = device;
  for (let bridge = 0; bridge < MAX_BRIDGES; bridge++) {
    const above = dirname(at);
    // PCI_CLASS_BRIDGE_PCI; a root port is the slot's own end, and the machine's maker may be the card's.
    const isBridge = readText(`${above}/class`)?.startsWith("0x0604") === true;
    if (maker === undefined || !isBridge || readText(`${above}/vendor`) !== maker || isRootPort(above)) break;
    at = above;
  }
  return at;
}

/** Above it stands the host bridge: pci0000:00. */
function isRootPort(bridge: string): boolean {
  return /^pci[0-9a-f]{4,8}:[0-9a-f]{2}$/.test(dirname(bridge).split("/").at(-1) ?? "");
}

function widthOf(device: string, name: string): number | undefined {
  const width = numberIn(readText(`${device}/${name}`));
  return width !== undefined && width > 0 && width <= MAX_WIDTH ? width : undefined;
}

function speedOf(device: string, name: string): number | undefined {
  return parseLinkSpeed(readText(`${device}/${name}`) ?? "");
}
