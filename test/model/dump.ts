/** A graph in plain values, for comparisons, and a naive check that its lists, indexes and counts agree. */
import assert from "node:assert/strict";
import type { Graph, GraphCounts } from "../../src/model/graph.ts";
import type { Edge, GraphNode } from "../../src/model/nodes.ts";

/** All that can be read of a graph, in the order in which the graph has it. */
export function dump(graph: Graph): unknown {
  return {
    counts: graph.counts(),
    applied: graph.applied,
    dropped: graph.dropped,
    processes: Array.from(graph.processes(), plain),
    resources: Array.from(graph.resources(), (resource) => [plain(resource), resource.metrics]),
    errors: Array.from(graph.errors(), plain),
  };
}

/** Who waits on, holds and consumes what, as texts in no particular order. */
export function relations(graph: Graph): Set<string> {
  const told = new Set<string>();
  const tell = (edge: Edge): void => {
    told.add(
      `${edge.from.id} ${edge.kind} ${edge.to.id} tid ${edge.tid} ${edge.kind === "consumes" ? "" : edge.detail}`,
    );
  };
  for (const process of graph.processes()) [process.consumes, process.waits, process.holders].flat().forEach(tell);
  for (const resource of graph.resources()) resource.holders.forEach(tell);
  return told;
}

/** Throws where an edge is not in the lists of both its ends at its place, or a count is not what the lists say. */
export function assertConsistent(graph: Graph): void {
  const found: GraphCounts["edges"] = { consumes: 0, waits_on: 0, held_by: 0, blocked_by: 0 };
  const nodes = allNodes(graph);
  const into = new Map<Edge, number>();
  for (const node of nodes) {
    for (const list of inLists(node)) {
      for (const [place, edge] of list.entries()) {
        assert.equal(edge.to, node);
        assert.equal(edge.inPlace, place);
        into.set(edge, place);
      }
    }
  }
  for (const node of nodes) {
    const lists = outLists(node);
    for (const list of lists) {
      for (const [place, edge] of list.entries()) {
        assert.equal(edge.from, node);
        assert.equal(edge.outPlace, place);
        assert.ok(into.delete(edge), "its other end does not know it");
        found[edge.kind]++;
      }
    }
    assert.equal(node.outgoing, lists.flat().length);
  }
  assert.equal(into.size, 0, "an edge of a node that is gone");
  for (const resource of graph.resources()) {
    found.blocked_by += resource.errors.length * (resource.users.length + resource.waiters.length);
  }
  const counts = graph.counts();
  assert.deepEqual(counts.edges, found);
  assert.equal(counts.resources, [...graph.resources()].length);
  assert.equal(counts.errors, [...graph.errors()].length);
  assert.ok(counts.processes >= [...graph.processes()].length);
}

function allNodes(graph: Graph): GraphNode[] {
  return [...graph.processes(), ...graph.resources(), ...graph.errors()];
}

function outLists(node: GraphNode): Edge[][] {
  return node.type === "process" ? [node.holders, node.errors, node.consumes, node.waits] : [node.holders, node.errors];
}

function inLists(node: GraphNode): Edge[][] {
  if (node.type === "process") return [node.waiters, node.holds];
  return node.type === "resource" ? [node.waiters, node.users] : [node.waiters, node.victims];
}

function plain(node: GraphNode): unknown[] {
  return [fields(node), ...[...outLists(node), ...inLists(node)].map((list) => list.map(plainEdge))];
}

function plainEdge(edge: Edge): unknown[] {
  return [edge.from.id, edge.to.id, edge.evidence, fields(edge)];
}

/** All that is no reference to another node or edge. */
function fields(thing: GraphNode | Edge): Record<string, unknown> {
  return Object.fromEntries(Object.entries(thing).filter(([, value]) => typeof value !== "object" || value === null));
}
