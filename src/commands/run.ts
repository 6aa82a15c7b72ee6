/** `xctl run`: the daemon in the foreground, until a signal ends it. */
import { hostname } from "node:os";
import { startDaemon } from "../daemon/daemon.ts";
import { containerOf } from "../kernel/cgroup.ts";
import { log } from "../lib/log.ts";
import { VERSION } from "../version.ts";
import type { Probe } from "../probes/probe.ts";
import { autoProbes, resolveProbe } from "../probes/index.ts";
import { sentencesOf } from "../views/sentences/index.ts";
import { readDuration, readPort } from "./values.ts";
import type { RunVerb } from "./verb.ts";

const tellLeftOut = (probe: Probe, reason: string) => log(`probe ${probe.name} does not run here: ${reason}`);
const INTERVAL_BOUNDS = { minMs: 50, maxMs: 3_600_000 };

export const run: RunVerb = async (_argument, options, terminal) => {
  const say = sentencesOf(terminal.style.lang);
  const port = readPort(String(options.port), say);
  const intervalMs = readDuration(String(options.interval), INTERVAL_BOUNDS, say);
  const named = (options.probe ?? ["auto"]) as string[];
  const probes = named.flatMap((name) => (name === "auto" ? autoProbes(tellLeftOut) : [resolveProbe(name)]));
  const daemon = await startDaemon({
    port,
    host: String(options.host),
    intervalMs,
    node: options.node === undefined ? hostname() : String(options.node),
    probes,
    ...(options.record === undefined ? {} : { record: String(options.record) }),
    log,
    version: VERSION,
    containerOf: ({ cgroup }) => containerOf(cgroup) ?? null,
  });
  const stop = () => void daemon.stop();
  process.on("SIGINT", stop).on("SIGTERM", stop).on("SIGHUP", stop);
  await daemon.done;
  return 0;
};
