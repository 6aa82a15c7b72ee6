/** How many events a second one core folds into a graph of a given size: parsed already, or as lines of text. */
import { Graph } from "../src/model/graph.ts";
import { parse, type Event } from "../src/model/event.ts";
import { load, shapeOf } from "./load.ts";
import { measure, rounded, type Benchmark, type Result } from "./measure.ts";

const SIZES = [100, 10_000, 1_000_000];
const EVENTS = 1_000_000;
const BATCH = 1000;
const SECOND_MS = 1000;

export const foldBenchmarks: Benchmark[] = SIZES.flatMap((nodes) => [
  { name: `fold-${nodes}`, run: () => [foldParsed(nodes)] },
  { name: `lines-${nodes}`, run: () => [foldLines(nodes)] },
]);

function foldParsed(nodes: number): Result {
  const { graph, lines } = grown(nodes);
  let milliseconds = 0;
  for (let batch = take(lines); batch.length > 0; batch = take(lines)) {
    const events = batch.map((line) => parse(line) as Event);
    milliseconds += measure(() => {
      for (const event of events) graph.apply(event);
    });
  }
  const target = targetOf(nodes);
  return { name: "parsed events → graph", nodes: nodesOf(graph), ...rateOf(milliseconds), ...target };
}

function foldLines(nodes: number): Result {
  const { graph, lines } = grown(nodes);
  let milliseconds = 0;
  for (let batch = take(lines); batch.length > 0; batch = take(lines)) {
    milliseconds += measure(() => {
      for (const line of batch) graph.apply(parse(line) as Event);
    });
  }
  return { name: "lines → parse → guard → graph", nodes: nodesOf(graph), ...rateOf(milliseconds) };
}

/** The graph at its full size, and the lines to measure with: text, so that no event shares a string with another. */
function grown(nodes: number): { graph: Graph; lines: Iterator<string> } {
  const shape = shapeOf(nodes);
  const graph = new Graph({ limits: { nodes: 2_000_000, edges: 6_000_000 } });
  const before = shape.processes * 4;
  const lines = linesOf(load(before + EVENTS, shape));
  for (let index = 0; index < before; index++) graph.apply(parse(lines.next().value as string) as Event);
  return { graph, lines };
}

function* linesOf(events: Iterable<Event>): Generator<string> {
  for (const event of events) yield JSON.stringify(event);
}

function take(lines: Iterator<string>): string[] {
  const batch: string[] = [];
  while (batch.length < BATCH) {
    const next = lines.next();
    if (next.done === true) break;
    batch.push(next.value);
  }
  return batch;
}

function nodesOf(graph: Graph): number {
  const { processes, resources } = graph.counts();
  return processes + resources;
}

function rateOf(milliseconds: number): Pick<Result, "figure" | "unit"> {
  return { figure: rounded(EVENTS / (milliseconds / SECOND_MS)), unit: "events/s" };
}

function targetOf(nodes: number): Pick<Result, "target"> {
  if (nodes === 10_000) return { target: { atLeast: 1_000_000 } };
  return nodes === 1_000_000 ? { target: { atLeast: 500_000 } } : {};
}
