/**
 * What a TCP connection goes over: the interface that has its local address, or had it last; and, until it is made, the
 * table of tracked connections, in which there may be no room for it.
 */
import { interfaceBook, interfaceId } from "../../../kernel/interface-book.ts";
import { namespaceOf } from "../../../kernel/namespaces.ts";
import type { LinkTable } from "../../../kernel/rtnetlink.ts";
import type { InetSocket } from "../../../kernel/sockets.ts";
import { CONNTRACK } from "../../../model/entity.ts";
import type { View } from "../view.ts";
import { isLocal } from "./tcp-ends.ts";

/** Their ids. `isNew`: it is not made yet. */
export async function resourcesUnder(
  own: Pick<InetSocket, "local" | "remote">,
  { pid, isNew }: { pid: number; isNew: boolean },
  view: View,
): Promise<string[]> {
  const under = await interfaceUnder(own, pid, view);
  // Each network namespace tracks its own; the probe knows that of ours.
  const isOurs = namespaceOf(view.proc, pid, "net") === namespaceOf(view.proc, process.pid, "net");
  return [...(under === undefined ? [] : [under]), ...(isNew && isOurs ? [CONNTRACK] : [])];
}

/** Undefined where it goes over none, as between two addresses of one host, or it cannot be told. */
async function interfaceUnder(
  own: Pick<InetSocket, "local" | "remote">,
  pid: number,
  view: View,
): Promise<string | undefined> {
  if (isLocal(own)) return undefined;
  const { namespace, table } = await view.links(pid);
  if (table !== undefined) interfaceBook.note(namespace, table);
  const name = carrierOf(own, table, (address) => interfaceBook.interfaceOf(namespace, address));
  if (name === undefined) return undefined;
  return interfaceId(name, namespace, namespaceOf(view.proc, process.pid, "net"));
}

/** `lastKnown`: who had an address that nobody has now, as of an interface that is gone. */
export function carrierOf(
  { local, remote }: Pick<InetSocket, "local" | "remote">,
  table: LinkTable | undefined,
  lastKnown: (address: string) => string | undefined,
): string | undefined {
  const ownersOf = (end: string) => (table?.addresses ?? []).filter(({ address }) => address === addressOf(end));
  // Between two addresses of this host it goes over the loopback, whosever they are.
  if (ownersOf(remote).length > 0) return undefined;
  const owners = ownersOf(local);
  if (owners.length === 0) return lastKnown(addressOf(local));
  // An address that two interfaces have (link-local ones may) does not tell which; one of the loopback, none.
  const link = table?.links.find(({ index }) => index === owners[0]?.index);
  return owners.length > 1 || link?.isLoopback === true ? undefined : link?.name;
}

/** `10.0.0.1:80` → `10.0.0.1`, `[fe80::1]:80` → `fe80::1` */
function addressOf(end: string): string {
  return end.slice(0, end.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}
