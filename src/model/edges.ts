/**
 * Edges in the lists of their two ends. An edge knows its place in both, so that joining, finding and leaving cost the
 * same however many there are. What an edge means, and when one comes or goes, is not known here.
 */
import {
  NO_EDGES,
  type Edge,
  type EdgeKey,
  type EdgeKind,
  type ErrorNode,
  type GraphNode,
  type ProcessNode,
  type ResourceNode,
} from "./nodes.ts";

/** Up to this many outgoing edges a search by eye is faster than an index. */
const INDEX_FROM = 16;

/** Puts a new edge into the lists of its ends. */
export function link(edge: Edge): void {
  const { from, to } = edge;
  const out = outList(edge);
  edge.outPlace = out.length;
  if (out === NO_EDGES) setOutList(edge, [edge]);
  else out.push(edge);
  const into = inList(edge);
  edge.inPlace = into.length;
  if (into === NO_EDGES) setInList(edge, [edge]);
  else into.push(edge);
  if (++from.outgoing <= INDEX_FROM) return;
  if (from.index === undefined) from.index = indexOf(from);
  else from.index.set(edgeKey(edge.kind, to, edge.tid), edge);
}

/** Takes it out of both; false where it is in none. */
export function unlink(edge: Edge): boolean {
  if (edge.outPlace < 0) return false;
  leave(outList(edge), edge.outPlace, "outPlace");
  leave(inList(edge), edge.inPlace, "inPlace");
  edge.outPlace = -1;
  edge.inPlace = -1;
  edge.from.outgoing--;
  if (edge.kind === "consumes") (edge.from as ProcessNode).lastUse = undefined;
  edge.from.index?.delete(edgeKey(edge.kind, edge.to, edge.tid));
  return true;
}

/** The last one takes the empty place. */
function leave(list: Edge[], place: number, mark: "outPlace" | "inPlace"): void {
  const last = list.pop() as Edge;
  if (place === list.length) return;
  list[place] = last;
  last[mark] = place;
}

/** A wait of a thread on a thing, a thing's holder, and so on; undefined where there is none. */
export function findEdge(kind: EdgeKind, from: GraphNode, to: GraphNode, tid: number): Edge | undefined {
  return kind === "consumes" ? findUse(from as ProcessNode, to) : search(kind, from, to, tid);
}

/** Half of what a busy machine tells are figures of what a process consumes, which changes seldom. */
function findUse(process: ProcessNode, to: GraphNode): Edge | undefined {
  const last = process.lastUse;
  if (last?.to === to) return last;
  const use = search("consumes", process, to, 0);
  process.lastUse = use;
  return use;
}

function search(kind: EdgeKind, from: GraphNode, to: GraphNode, tid: number): Edge | undefined {
  if (kind === "held_by" && to.type === "process" && to.holds.length < from.holders.length) {
    return heldBy(from, to, tid);
  }
  if (from.index !== undefined) return from.index.get(edgeKey(kind, to, tid));
  const list = listOf(kind, from);
  for (let place = 0; place < list.length; place++) {
    const edge = list[place] as Edge;
    if (edge.to === to && edge.tid === tid) return edge;
  }
  return undefined;
}

/** A thing may have many holders, while one of them holds few things: then it is sought among those. */
function heldBy(from: GraphNode, { holds }: ProcessNode, tid: number): Edge | undefined {
  for (let place = 0; place < holds.length; place++) {
    const edge = holds[place] as Edge;
    if (edge.from === from && edge.tid === tid) return edge;
  }
  return undefined;
}

/**
 * Tells a node's outgoing edges apart. A key that needs no new text is several times cheaper, and threads other than
 * the main one are rare: so it is the target itself of a wait or an error, its serial of the other kinds.
 */
function edgeKey(kind: EdgeKind, to: GraphNode, tid: number): EdgeKey {
  if (tid !== 0) return `${kind}${to.serial}/${tid}`;
  if (kind === "consumes") return to.serial;
  return kind === "held_by" ? -to.serial : to;
}

function indexOf(node: GraphNode): Map<EdgeKey, Edge> {
  const index = new Map<EdgeKey, Edge>();
  for (const kind of ["consumes", "waits_on", "held_by", "blocked_by"] as const) {
    for (const edge of listOf(kind, node)) index.set(edgeKey(kind, edge.to, edge.tid), edge);
  }
  return index;
}

function listOf(kind: EdgeKind, node: GraphNode): Edge[] {
  if (kind === "held_by") return node.holders;
  if (kind === "blocked_by") return node.errors;
  if (node.type !== "process") return NO_EDGES;
  return kind === "consumes" ? node.consumes : node.waits;
}

function outList(edge: Edge): Edge[] {
  return listOf(edge.kind, edge.from);
}

/** A list begins with its first edge in it: V8 makes room for 17 in one that begins empty, and most hold one or two. */
function setOutList(edge: Edge, list: Edge[]): void {
  const { kind, from } = edge;
  if (kind === "held_by") from.holders = list;
  else if (kind === "blocked_by") from.errors = list;
  else if (kind === "consumes") (from as ProcessNode).consumes = list;
  else (from as ProcessNode).waits = list;
}

function inList({ kind, to }: Edge): Edge[] {
  if (kind === "waits_on") return to.waiters;
  if (kind === "consumes") return (to as ResourceNode).users;
  return kind === "held_by" ? (to as ProcessNode).holds : (to as ErrorNode).victims;
}

function setInList({ kind, to }: Edge, list: Edge[]): void {
  if (kind === "waits_on") to.waiters = list;
  else if (kind === "consumes") (to as ResourceNode).users = list;
  else if (kind === "held_by") (to as ProcessNode).holds = list;
  else (to as ErrorNode).victims = list;
}
