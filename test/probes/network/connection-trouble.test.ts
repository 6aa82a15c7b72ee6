import assert from "node:assert/strict";
import { test } from "node:test";
import type { TcpInfo, TcpSocket } from "../../../src/kernel/tcp-info.ts";
import { mayBeTroubled, troubleOf, type Looks } from "../../../src/probes/network/connection-trouble.ts";

/** A sound connection at rest, an hour old. */
function connection(socket: Partial<TcpSocket> = {}, info: Partial<TcpInfo> = {}): TcpSocket {
  return {
    cookie: 7,
    inode: 70,
    state: "ESTABLISHED",
    local: "10.0.0.1:4711",
    remote: "10.0.0.2:80",
    timer: "none",
    rxQueue: 0,
    txQueue: 0,
    receiveBuffer: { bytes: 0, limit: 131_072 },
    ...socket,
    info: {
      retransmits: 0,
      probes: 0,
      backoff: 0,
      rtoMs: 204,
      mssBytes: 1448,
      unacked: 0,
      lost: 0,
      sentMs: 3_600_000,
      receivedMs: 3_600_000,
      acknowledgedMs: 3_600_000,
      rttMs: 1,
      congestionWindow: 10,
      retransmitted: 4,
      bytesAcked: 1000,
      bytesReceived: 1000,
      segmentsSent: 100,
      unsentBytes: 0,
      needless: 0,
      sendWindow: 65_536,
      ...info,
    },
  };
}

/** The same, asked in the order in which the probe asks. */
function judge(looks: Looks) {
  const trouble = troubleOf(looks);
  // Who is not even looked at cannot be in trouble.
  if (!mayBeTroubled(looks.now, looks.before)) assert.equal(trouble, undefined);
  return trouble;
}

function retransmitting(retransmits: number, info: Partial<TcpInfo> = {}, socket: Partial<TcpSocket> = {}): TcpSocket {
  const backoff = retransmits;
  return connection(
    { timer: "retransmit", txQueue: 5, ...socket },
    { retransmits, backoff, rtoMs: 204 * 2 ** backoff, unacked: 1, sentMs: 100, ...info },
  );
}

function full(info: Partial<TcpInfo>): TcpSocket {
  return connection({ timer: "persist", txQueue: 90_000 }, { sendWindow: 0, acknowledgedMs: 300, ...info });
}

function asking(probes: number): TcpSocket {
  return connection({ timer: "keepalive" }, { probes });
}

test("a connection at rest, however long, is sound; so is one that nobody has open", () => {
  const now = connection();
  assert.equal(judge({ now, before: now }), undefined);
  assert.equal(judge({ now }), undefined);
  assert.equal(judge({ now: retransmitting(9, {}, { inode: 0 }) }), undefined);
});

test("three timeouts in a row and two seconds without an answer", () => {
  assert.deepEqual(judge({ now: retransmitting(4) }), { kind: "unanswered", retransmits: 4, stalledMs: 3160 });
  // Three timeouts are 0.2 + 0.4 + 0.8 s.
  assert.deepEqual(judge({ now: retransmitting(3) }), { kind: "lossy", retransmits: 3 });
  assert.equal(judge({ now: retransmitting(3, { sentMs: 700 }) })?.kind, "unanswered");
  // Watched for longer than the timeouts tell, where a system sets them otherwise.
  assert.equal(judge({ now: retransmitting(3), unansweredMs: 2000 })?.kind, "unanswered");
});

test("an answer in between is loss: the connection lives", () => {
  assert.deepEqual(judge({ now: retransmitting(4, { acknowledgedMs: 300 }) }), { kind: "lossy", retransmits: 4 });
});

test("one timeout is a hiccup, and a retransmission that was answered no trouble", () => {
  assert.equal(judge({ now: retransmitting(1) }), undefined);
  const before = connection();
  assert.equal(judge({ now: connection({}, { retransmitted: 6, segmentsSent: 103 }), before }), undefined);
});

test("many segments sent again between two looks, but only as a share of what was sent", () => {
  const before = connection();
  const after = (retransmitted: number, segmentsSent: number, needless = 0) =>
    judge({ now: connection({}, { retransmitted, segmentsSent, needless }), before });
  assert.deepEqual(after(14, 200), { kind: "lossy", retransmits: 10 });
  assert.equal(after(14, 1000), undefined);
  // The other end had got them: the network only reorders or is slow.
  assert.equal(after(14, 200, 10), undefined);
  assert.equal(judge({ now: connection({}, { retransmitted: 14, segmentsSent: 200 }) }), undefined);
});

test("a full window is the other process's matter as long as its kernel answers", () => {
  assert.deepEqual(judge({ now: full({ sentMs: 5000, probes: 1, backoff: 5 }) }), {
    kind: "window full",
    stalledMs: 5000,
  });
  assert.equal(judge({ now: full({ sentMs: 400 }) }), undefined);
  assert.equal(judge({ now: full({ sentMs: 5000, sendWindow: 1000 }) })?.kind, "window full");
  assert.equal(judge({ now: full({ sentMs: 9000, probes: 5, backoff: 5, acknowledgedMs: 9000 }) })?.kind, "unanswered");
});

test("what this host's own firewall drops counts as asked, with room on the other side", () => {
  const now = connection({ timer: "persist", txQueue: 5 }, { probes: 4, backoff: 4, sentMs: 100 });
  assert.deepEqual(judge({ now }), { kind: "unanswered", retransmits: 4, stalledMs: 3060 });
  assert.equal(judge({ now: connection({ timer: "persist", txQueue: 5 }, { probes: 1, backoff: 1 }) }), undefined);
});

test("unanswered questions whether an idle peer is there", () => {
  assert.equal(judge({ now: asking(3) })?.kind, "unanswered");
  assert.equal(judge({ now: asking(0) }), undefined);
});

test("many small segments fill the buffer of one who does not read, and the kernel drops the rest", () => {
  const across = connection({ rxQueue: 4000, receiveBuffer: { bytes: 130_000, limit: 131_072 } });
  const now = retransmitting(6, { sentMs: 3000 });
  assert.equal(judge({ now, across })?.kind, "window full");
  // It has read all that came.
  assert.equal(judge({ now, across: connection() })?.kind, "unanswered");
});

test("a listener without room keeps quiet: its process does not accept", () => {
  const listener = (rxQueue: number) =>
    connection({ state: "LISTEN", local: "10.0.0.2:80", remote: "0.0.0.0:0", rxQueue, txQueue: 128 });
  const syn = connection({ state: "SYN_SENT", timer: "retransmit" }, { retransmits: 3, unacked: 1 });
  assert.deepEqual(judge({ now: syn }), { kind: "unanswered", retransmits: 3, stalledMs: 3000 });
  assert.equal(judge({ now: syn, listener: listener(129) }), undefined);
  assert.equal(judge({ now: retransmitting(5), listener: listener(129) }), undefined);
  assert.equal(judge({ now: syn, listener: listener(128) })?.kind, "unanswered");
});
