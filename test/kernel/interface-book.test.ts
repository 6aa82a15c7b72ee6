import assert from "node:assert/strict";
import { test } from "node:test";
import { InterfaceBook, interfaceId } from "../../src/kernel/interface-book.ts";
import type { LinkTable } from "../../src/kernel/rtnetlink.ts";

const table = (index: number, name: string, ...addresses: string[]): LinkTable => ({
  links: [{ index, name } as LinkTable["links"][number]],
  addresses: addresses.map((address) => ({ index, address, isGlobal: true })),
  isComplete: true,
});

test("an address stays known as the interface's that had it last", () => {
  const book = new InterfaceBook();
  book.note("net:[1]", table(2, "eth0", "10.0.0.1"));
  book.note("net:[2]", table(2, "eth0", "10.0.0.2"));
  book.note("net:[1]", table(3, "eth1"));
  assert.equal(book.interfaceOf("net:[1]", "10.0.0.1"), "eth0");
  book.note("net:[1]", table(3, "eth1", "10.0.0.1"));
  assert.equal(book.interfaceOf("net:[1]", "10.0.0.1"), "eth1");
  assert.equal(book.interfaceOf("net:[1]", "10.0.0.2"), undefined, "another namespace's");
  assert.equal(book.interfaceOf("net:[3]", "10.0.0.1"), undefined);
});

test("what is kept is bounded", () => {
  const book = new InterfaceBook();
  for (let at = 0; at < 300; at++) book.note(`net:[${at}]`, table(1, "eth0", "10.0.0.1"));
  assert.equal(book.interfaceOf("net:[0]", "10.0.0.1"), undefined);
  assert.equal(book.interfaceOf("net:[299]", "10.0.0.1"), "eth0");
  book.note("net:[299]", table(1, "eth0", ...Array.from({ length: 5000 }, (_, at) => `10.${at >> 8}.${at & 255}.1`)));
  assert.equal(book.interfaceOf("net:[299]", "10.0.0.1"), undefined);
  assert.ok(book.takeNoted().size <= 256);
  assert.equal(book.takeNoted().size, 0, "taken once");
});

test("the id names the namespace where that is not ours", () => {
  assert.equal(interfaceId("eth0", "net:[7]", "net:[7]"), "eth0");
  assert.equal(interfaceId("eth0", "net:[8]", "net:[7]"), "netns-8/eth0");
});
