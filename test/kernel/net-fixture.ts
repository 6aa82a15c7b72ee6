/** The recorded and composed machines of test/fixtures/net, and every text that a torn read of one may give. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export function netMachine(name: "x64-6.18" | "rdma"): { root: string; proc: string; sys: string } {
  const root = fileURLToPath(new URL(`../fixtures/net/${name}`, import.meta.url));
  return { root, proc: `${root}/proc`, sys: `${root}/sys` };
}

/** A line of hexadecimal digits for each datagram. */
export function datagrams(file: string): Buffer[] {
  return readFileSync(file, "utf8").trim().split("\n").map((line) => Buffer.from(line, "hex")); // prettier-ignore
}

/** Cut after every character. */
export function cuts(text: string): string[] {
  return Array.from({ length: text.length + 1 }, (_, length) => text.slice(0, length));
}
