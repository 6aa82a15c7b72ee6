/** The relations of a graph kept naively, in texts and sets, for events that never expire: what the graph must agree with. */
import { readProcessId } from "../../src/model/entity.ts";
import type { Event } from "../../src/model/event.ts";

interface Known {
  start: unknown;
  exited: boolean;
}

export class Reference {
  readonly #processes = new Map<string, Known>();
  /** from, kind, to and thread → detail. */
  readonly #edges = new Map<string, string>();

  relations(): Set<string> {
    return new Set(Array.from(this.#edges, ([key, detail]) => `${key} ${detail}`));
  }

  apply(event: Event): void {
    const { pid, entity_id: entity, value, event_type: type } = event;
    if (typeof pid !== "number" || type === "action.exec") return undefined;
    if (type === "process.state") return this.#state(event, nameOf(pid, event.node));
    const name = nameOf(pid, event.node);
    if (this.#get(name).exited) return undefined;
    const parts = readProcessId(entity);
    const target = parts === undefined ? entity : nameOf(parts.pid, parts.node ?? event.node);
    const isRelation = type === "process.wait" || type === "resource.held";
    const isTarget = isRelation && parts !== undefined && (value !== "end" || this.#processes.has(target));
    if (isTarget && this.#get(target).exited) return undefined;
    const tid = event.attrs?.tid === pid ? 0 : (event.attrs?.tid ?? 0);
    if (type === "process.wait") this.#set(`${name} waits_on ${target} tid ${tid}`, value);
    if (type === "resource.held") this.#set(`${target} held_by ${name} tid ${tid}`, value);
    if (type === "compute.util") this.#set(`${name} consumes ${entity} tid 0`, "");
    return undefined;
  }

  #state({ value, attrs }: Event, name: string): void {
    const known = this.#processes.get(name);
    const start = attrs?.start_ms;
    const isOther = known?.start !== undefined && start !== undefined && known.start !== start;
    if (value === "exit") {
      if (known === undefined || isOther) return;
      known.exited = true;
      this.#cut(name);
    } else if (known === undefined || isOther || known.exited) {
      this.#cut(name);
      this.#processes.set(name, { start, exited: false });
    } else {
      known.start ??= start;
    }
  }

  #get(name: string): Known {
    const known = this.#processes.get(name) ?? { start: undefined, exited: false };
    this.#processes.set(name, known);
    return known;
  }

  #set(key: string, detail: string): void {
    if (detail === "end") this.#edges.delete(key);
    else this.#edges.set(key, detail);
  }

  #cut(name: string): void {
    for (const key of this.#edges.keys()) {
      const [from, , to] = key.split(" ");
      if (from === name || to === name) this.#edges.delete(key);
    }
  }
}

function nameOf(pid: number, node: string | undefined): string {
  return node === undefined || node === "near" ? `pid-${pid}` : `${node}/pid-${pid}`;
}
