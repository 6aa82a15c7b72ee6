/** Who is let in where the daemon listens elsewhere than on 127.0.0.1. The usual case is tested over HTTP. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Gate } from "../../src/daemon/gate.ts";

const admits = (listensOn: string, host: string, origin?: string) =>
  new Gate("t", listensOn).admitsSource(host, origin);

test("the address that was given is its own name, others are not", () => {
  assert.ok(admits("192.0.2.7", "192.0.2.7:9090"));
  assert.ok(admits("box.example", "BOX.example:9090"));
  assert.ok(admits("2001:db8::1", "[2001:db8::1]:9090"));
  assert.ok(admits("192.0.2.7", "localhost"));
  assert.ok(!admits("192.0.2.7", "192.0.2.8:9090"));
  assert.ok(!admits("box.example", "evil.example"));
});

test("listening on every address it takes any address, and no name", () => {
  for (const all of ["0.0.0.0", "::"]) {
    assert.ok(admits(all, "192.0.2.7:9090"));
    assert.ok(admits(all, "[2001:db8::1]:9090"));
    assert.ok(!admits(all, "evil.example:9090"));
    assert.ok(!admits(all, "192.0.2.7.evil.example"));
    assert.ok(!admits(all, "192.0.2.7", "http://evil.example"));
  }
});

test("only the very token is taken", () => {
  const gate = new Gate("secret", "127.0.0.1");
  assert.ok(gate.admitsToken("Bearer secret"));
  for (const wrong of [
    undefined,
    "",
    "secret",
    "Bearer",
    "Bearer ",
    "Bearer secre",
    "Bearer secrets",
    "Basic secret",
  ]) {
    assert.ok(!gate.admitsToken(wrong), String(wrong));
  }
});
