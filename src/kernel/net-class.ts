/**
 * What /sys/class/net says of a piece of hardware and rtnetlink does not: speed, duplex, driver.
 * Documentation/ABI/testing/sysfs-class-net. Speed and duplex are asked of the driver, under a lock that all of
 * networking shares, so whoever reads them waits for a driver that hangs: `read` is to have a deadline.
 */
import { readlinkSync } from "node:fs";

export interface Wire {
  /** Undefined where it is not known, as without a link. */
  speedMbitS?: number;
  duplex?: "full" | "half";
  driver?: string;
}

/** A file's text; undefined where it cannot be read, or not in time. */
export type Read = (path: string) => Promise<string | undefined>;

export async function readWire(name: string, read: Read, sys = "/sys"): Promise<Wire> {
  const folder = `${sys}/class/net/${name}`;
  const wire: Wire = {};
  // EINVAL of an interface that is down.
  const speed = parseSpeed((await read(`${folder}/speed`)) ?? "");
  if (speed !== undefined) wire.speedMbitS = speed;
  const duplex = (await read(`${folder}/duplex`))?.trim();
  if (duplex === "full" || duplex === "half") wire.duplex = duplex;
  const driver = driverOf(`${folder}/device/driver`);
  if (driver !== undefined) wire.driver = driver;
  return wire;
}

/** `25000`; -1 or 4294967295 (SPEED_UNKNOWN) where the driver does not know. */
export function parseSpeed(text: string): number | undefined {
  const speed = /^\d+\s*$/.test(text) ? Number(text) : 0;
  return speed > 0 && speed < 0xffff_ffff ? speed : undefined;
}

function driverOf(link: string): string | undefined {
  try {
    const target = readlinkSync(link);
    return target.slice(target.lastIndexOf("/") + 1) || undefined;
  } catch {
    return undefined;
  }
}
