/**
 * Graphics cards as the kernel's DRM class shows them: which there are, by which driver, and by which files they are
 * opened. Nothing here asks a driver anything, so nothing here can hang. Documentation/gpu/drm-uapi.rst.
 */
import { readlinkSync } from "node:fs";
import { namesIn } from "./folders.ts";
import { readText } from "./procfs.ts";

export interface DrmCard {
  /** `card0` */
  name: string;
  /** `amdgpu`, `i915`, `xe`, … */
  driver: string;
  /** `0000:03:00.0`; undefined on a chip without PCI. */
  pci: string | undefined;
  /** `renderD128`: by it programs compute and draw, without a display. A card that only shows pictures has none. */
  renderNode: string | undefined;
}

const CARD = /^card\d{1,4}$/;
const NODE = /^(?:card|renderD)\d{1,4}$/;
const MAX_CARDS = 128;

/** In the order of their numbers. */
export function readDrmCards(sys: string): DrmCard[] {
  const names = namesIn(`${sys}/class/drm`).filter((name) => CARD.test(name));
  names.sort((a, b) => Number(a.slice("card".length)) - Number(b.slice("card".length)));
  return names.slice(0, MAX_CARDS).flatMap((name) => readCard(name, sys) ?? []);
}

/** Which card a file of /dev/dri belongs to: `renderD128` → `card0`. */
export function drmCardOf(node: string, sys: string): DrmCard | undefined {
  if (!NODE.test(node)) return undefined;
  const name = namesIn(`${sys}/class/drm/${node}/device/drm`).find((beside) => CARD.test(beside));
  return name === undefined ? undefined : readCard(name, sys);
}

/** `DRIVER=amdgpu`, `PCI_SLOT_NAME=0000:03:00.0`, a line each. */
export function parseUevent(text: string): Map<string, string> {
  return new Map(
    Array.from(text.matchAll(/^([A-Z0-9_]+)=(.*)$/gm), ([, key, value]) => [key as string, value as string]),
  );
}

function readCard(name: string, sys: string): DrmCard | undefined {
  const device = `${sys}/class/drm/${name}/device`;
  const uevent = parseUevent(readText(`${device}/uevent`) ?? "");
  const driver = uevent.get("DRIVER") ?? linkName(`${device}/driver`);
  if (driver === undefined) return undefined;
  return {
    name,
    driver,
    pci: uevent.get("PCI_SLOT_NAME")?.toLowerCase(),
    renderNode: namesIn(`${device}/drm`).find((beside) => beside.startsWith("renderD")),
  };
}

function linkName(path: string): string | undefined {
  try {
    return readlinkSync(path).split("/").at(-1);
  } catch {
    return undefined;
  }
}
