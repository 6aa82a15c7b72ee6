/** The network probe at work: on this machine's own interfaces, and on pairs of its own in a namespace of their own. */
import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { describe, it, test } from "node:test";
import { readLinkTable, type LinkTable } from "../../../src/kernel/rtnetlink.ts";
import { check, type Event } from "../../../src/model/event.ts";
import { networkProbe } from "../../../src/probes/network/index.ts";
import type { Probe, ProbeContext } from "../../../src/probes/probe.ts";
import { notLinux, until } from "../../kernel/support.ts";
import { netMachine } from "../../kernel/net-fixture.ts";

/** The probe while it runs, and all that it has told. */
class Running {
  readonly events: Event[] = [];
  readonly probe: Probe;
  readonly #abort = new AbortController();
  readonly #context: ProbeContext = {
    signal: this.#abort.signal,
    now: () => Date.now(),
    log: () => {},
    interval: 1000,
    reject: () => {},
  };
  readonly #ended: Promise<void>;

  constructor(options: { proc?: string; sys?: string }) {
    this.probe = networkProbe(options);
    this.#ended = this.#run();
  }

  async #run(): Promise<void> {
    for await (const events of this.probe.run(this.#context)) this.events.push(...events);
  }

  async inspect(pid: number): Promise<Event[]> {
    const events = (await this.probe.inspect?.([pid], this.#context)) ?? [];
    this.events.push(...events);
    return events;
  }

  /** What is wrong with the entity now, by what was told of it. */
  troubles(entity: string): string[] {
    const open = new Set<string>();
    for (const { entity_id, event_type, value, attrs } of this.events) {
      if (entity_id !== entity || !/^(?:error|topo)\./.test(event_type)) continue;
      const head = value.split(":", 1)[0] as string;
      if (attrs?.ended === true) open.delete(head);
      else open.add(head);
    }
    return [...open];
  }

  last(entity: string, type: Event["event_type"]): Event | undefined {
    return this.events.findLast((event) => event.entity_id === entity && event.event_type === type);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#ended;
  }
}

async function withProbe(look: (running: Running) => Promise<void>, options = {}): Promise<void> {
  process.env.XCTL_NETWORK_INTERVAL = "0.3";
  const running = new Running(options);
  try {
    await look(running);
    for (const event of running.events) assert.equal(typeof check(event), "object", JSON.stringify(event));
  } finally {
    delete process.env.XCTL_NETWORK_INTERVAL;
    await running.stop();
  }
}

test("every interface but the loopback is told again and again", { skip: notLinux }, async () => {
  const { links } = (await readLinkTable()) as LinkTable;
  assert.ok(links.length > 0);
  await withProbe(async (running) => {
    assert.equal(running.probe.supported(), true);
    await until(() => running.events.filter((event) => event.entity_id === "network").length >= 4, "four looks");
    for (const { name, isLoopback } of links) {
      const told = running.last(name, "transport.bw") !== undefined;
      // Those of other tests come and go.
      if (isLoopback || existsSync(`/sys/class/net/${name}`)) assert.equal(told, !isLoopback, name);
    }
  });
});

test("a recorded machine, of which there is no more than files", async () => {
  const { proc, sys } = netMachine("x64-6.18");
  await withProbe(
    async (running) => {
      await until(() => running.last("v0", "transport.bw") !== undefined, "the figures of v0");
      assert.equal(running.last("v0", "transport.bw")?.attrs?.rx_bytes_total, 266);
      assert.equal(running.last("conntrack", "transport.drop")?.attrs?.entries_max, 262_144);
      assert.deepEqual(running.troubles("v2"), [], "nobody has seen its link, nor knows of its address");
    },
    { proc, sys },
  );
});

const needsRoot =
  notLinux || (process.getuid?.() === 0 ? (runs("ip", "-V") ? false : "needs ip") : "only root may make interfaces");

describe("a pair of interfaces, one end in another network namespace", { skip: needsRoot }, () => {
  it("is told to have lost its link, to be set down, to be gone, and to be there again", async () => {
    await withPair(async ({ here, apart, keeper }) => {
      await withProbe(async (running) => {
        const become = (...heads: string[]) =>
          until(() => String(running.troubles(here)) === String(heads), `${here}: ${heads.join(" ") || "well"}`);
        await until(() => running.last(here, "transport.bw")?.attrs?.carrier === true, "its figures");

        inside(keeper, "link", "set", apart, "down");
        await become("LINK_DOWN");
        const told = running.last(here, "topo.link_down");
        assert.match(String(told?.attrs?.observed), /10\.255\.\d+\.1/);
        inside(keeper, "link", "set", apart, "up");
        await become();

        ip("link", "set", here, "down");
        await become("ADMIN_DOWN");
        ip("link", "set", here, "up");
        await become();

        ip("link", "delete", here);
        await become("REMOVED");
        make(here, apart, keeper);
        await become();
      });
    });
  });

  it("its other end is told where a question leads there", async () => {
    await withPair(async ({ here, apart, keeper }) => {
      await withProbe(async (running) => {
        const namespace = execFileSync("readlink", [`/proc/${keeper}/ns/net`], { encoding: "utf8" });
        const entity = `netns-${/\d+/.exec(namespace)?.[0]}/${apart}`;
        await until(() => running.last(here, "transport.bw") !== undefined, "its figures");
        const become = (...heads: string[]) =>
          until(
            async () => {
              await running.inspect(keeper);
              return String(running.troubles(entity)) === String(heads);
            },
            `${entity}: ${heads.join(" ") || "well"}`,
          );
        ip("link", "set", here, "down");
        await become("LINK_DOWN");
        ip("link", "set", here, "up");
        await become();
        assert.deepEqual(await running.inspect(process.pid), [], "of our own namespace, the looks tell");
      });
    });
  });
});

interface Pair {
  here: string;
  apart: string;
  /** Lives in the other namespace, which ends with it. */
  keeper: number;
}

async function withPair(use: (pair: Pair) => Promise<void>): Promise<void> {
  const child = spawn("unshare", ["-n", "sh", "-c", "echo ready; exec sleep 300"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const here = `xt${child.pid}`;
  try {
    await once(child.stdout as NonNullable<ChildProcess["stdout"]>, "data");
    const pair = { here, apart: "apart", keeper: child.pid as number };
    make(pair.here, pair.apart, pair.keeper);
    await use(pair);
  } finally {
    child.kill("SIGKILL");
    // It goes with its other end's namespace, but not at once.
    runs("ip", "link", "delete", here);
  }
}

function make(here: string, apart: string, keeper: number): void {
  const net = `10.255.${keeper & 255}`;
  ip("link", "add", here, "type", "veth", "peer", "name", apart, "netns", String(keeper));
  ip("address", "add", `${net}.1/30`, "dev", here);
  inside(keeper, "address", "add", `${net}.2/30`, "dev", apart);
  inside(keeper, "link", "set", apart, "up");
  ip("link", "set", here, "up");
}

function inside(pid: number, ...args: string[]): void {
  execFileSync("nsenter", ["-t", String(pid), "-n", "--", "ip", ...args], { stdio: "pipe" });
}

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: "pipe" });
}

function runs(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
