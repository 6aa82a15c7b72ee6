/** Names, ids and values are anybody's text: none of it may reach the terminal as a control character. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { explain } from "../../src/model/why.ts";
import { explainAll } from "../../src/model/why-all.ts";
import type { Event } from "../../src/model/event.ts";
import { doctorText } from "../../src/views/doctor.ts";
import { errorText } from "../../src/views/errors.ts";
import { eventText } from "../../src/views/events.ts";
import { psDocument, psText } from "../../src/views/ps.ts";
import { statusText } from "../../src/views/status.ts";
import type { Style } from "../../src/views/style.ts";
import { whyAllDocument, whyAllText } from "../../src/views/why-all.ts";
import { explainJob } from "../../src/model/why-job.ts";
import { whyJobDocument, whyJobText } from "../../src/views/why-job.ts";
import { whyDocument, whyText } from "../../src/views/why.ts";
import { event, graphOf, held, NOW_MS, process, wait } from "./cases.ts";

const OWN_CODES = /\u001b\[(?:1|2|22|31|32|33|36|39)m/g; // oxlint-disable-line no-control-regex
const CONTROL = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/u;

const evil = fc.oneof(
  fc.constantFrom("\u001b[2J", "\u001b]0;x\u0007", "a\r\nb", "\u009b31m", "\u202egnp", "__proto__", "constructor", ""),
  fc.string({ unit: "binary", maxLength: 40 }),
);
const id = evil.map((text) => text || "x");
const style = fc.record<Style>({
  color: fc.boolean(),
  width: fc.constantFrom(20, 40, 80, Infinity),
  lang: fc.constantFrom("en", "zh"),
  unicode: fc.boolean(),
});

function assertClean(text: string): void {
  assert.doesNotMatch(text.replaceAll(OWN_CODES, "").replaceAll("\n", ""), CONTROL);
}

/** A stall in which every text is hostile. */
function events(text: string, thing: string): Event[] {
  const attrs = { comm: text, cmdline: text, cgroup: `/${text}`, observed: text, source: text, blind: text };
  return [
    { ...process(1, "sleeping", text, attrs), job_id: text },
    wait(1, text || "x", thing, 5_000, { observed: text, source: text, certainty: "inferred", label: text }),
    held(thing, 2, text || "x", text, text),
    process(2, "sleeping", text, attrs),
    wait(2, "flock", `lock:${thing}`, 5_000, { observed: text, source: text }),
    held(`lock:${thing}`, 3, "owner", text, text),
    process(3, "frozen", text, attrs),
    process(4, "running", text, attrs),
    event("compute.util", thing, "5", 4),
    event("error.hw", thing, text || "XID_79"),
    { ...process(5, "sleeping", text, attrs), node: text || "n" },
    wait(6, text || "x", thing, 5_000, { holder: "none" }),
  ];
}

test("why, for a process, a job and the machine, and ps", () => {
  fc.assert(
    fc.property(evil, id, style, (text, thing, drawn) => {
      const graph = graphOf(events(text, thing));
      const context = { lang: drawn.lang, graph };
      const explanations = Array.from(graph.processes(), (one) => explain(graph, one, NOW_MS));
      assert.ok(explanations.length >= 6);
      for (const explanation of explanations) {
        assertClean(whyText(whyDocument(explanation, { ...context, container: text }), drawn));
      }
      assertClean(whyAllText(whyAllDocument(explainAll(graph, NOW_MS, { all: true }), context), drawn));
      assertClean(whyJobText(whyJobDocument(text, explainJob(graph, graph.processes(), NOW_MS), context), drawn));
      assertClean(psText(psDocument(graph, { all: true, nowMs: NOW_MS + 100_000 }), drawn));
    }),
    { numRuns: 300 },
  );
});

test("events, status, doctor and errors", () => {
  fc.assert(
    fc.property(evil, id, style, (text, thing, drawn) => {
      for (const told of events(text, thing)) assertClean(eventText(told, drawn));
      assertClean(errorText("failed", text, text, drawn));
      assertClean(doctorText({ checks: [{ name: text, ok: false, detail: text, enable: text }] }, drawn));
      const counts = { consumes: 0, waits_on: 0, held_by: 0, blocked_by: 0 };
      const probe = { pid: 1, restarts: 0, events: 0, rejected: 0, last_error: text };
      assertClean(
        statusText(
          {
            version: text,
            node: text,
            uptime_ms: 1,
            rss_bytes: 1,
            events: { received: 0, applied: 0, rejected: 1, dropped: 0 },
            rejections: { [text]: 1 },
            graph: { processes: 0, resources: 0, errors: 0, edges: counts },
            sampler: { backend: text, reason: text, interval_ms: 1, tasks: 1, last_ms: 1 },
            ebpf_lost: { [text]: 1 },
            probes: [{ name: text, state: "failed", ...probe }],
            recording: { file: text, written: 0, dropped: 0, error: text },
          },
          drawn,
        ),
      );
    }),
    { numRuns: 300 },
  );
});

test("an event of any content is one line", () => {
  fc.assert(
    fc.property(evil, id, style, (text, thing, drawn) => {
      for (const told of events(text, thing)) assert.doesNotMatch(eventText(told, drawn), /\n/);
    }),
  );
});
