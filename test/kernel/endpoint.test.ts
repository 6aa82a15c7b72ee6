import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readEndpoint } from "../../src/kernel/endpoint.ts";
import { anyText } from "./support.ts";

test("an IPv4 end", () => {
  assert.equal(readEndpoint("0100007F:1F90", 4), "127.0.0.1:8080");
  assert.equal(readEndpoint("00000000:0000", 4), "0.0.0.0:0");
});

test("an IPv6 end is written as RFC 5952 says", () => {
  const cases = {
    "00000000000000000000000001000000:0050": "[::1]:80",
    "00000000000000000000000000000000:0000": "[::]:0",
    // 2001:db8:0:0:1:0:0:1
    "B80D0120000000000000010001000000:01BB": "[2001:db8::1:0:0:1]:443",
    // fe80::a00:27ff:fe4e:66a1
    "000080FE00000000FF27000AA1664EFE:0016": "[fe80::a00:27ff:fe4e:66a1]:22",
    // 2001:db8:0:1:1:1:1:1, whose single zero group stays
    "B80D0120010000000100010001000100:0016": "[2001:db8:0:1:1:1:1:1]:22",
  };
  for (const [hex, text] of Object.entries(cases)) assert.equal(readEndpoint(hex, 6), text);
});

test("an IPv4 address mapped into IPv6 is the same end as the IPv4 one", () => {
  assert.equal(readEndpoint("0000000000000000FFFF00000100007F:AA3C", 6), readEndpoint("0100007F:AA3C", 4));
});

test("what is no address is refused, and nothing throws", () => {
  for (const text of ["", "0100007F", "0100007F:1F9", "0100007G:1F90", "00:00"])
    assert.equal(readEndpoint(text, 4), undefined);
  assert.equal(readEndpoint("0100007F:1F90", 6), undefined);
  fc.assert(fc.property(anyText, fc.constantFrom(4, 6), (text, family) => void readEndpoint(text, family)));
  const address = fc.stringMatching(/^[0-9A-F]{32}:[0-9A-F]{4}$/);
  fc.assert(fc.property(address, (text) => assert.match(readEndpoint(text, 6) ?? "", /^(\[[0-9a-f:]+\]|[\d.]+):\d+$/)));
});
