/** The daemon: probes → bus → graph, and the API over it. It sets the parts up and takes them down, and no more. */
import { rm } from "node:fs/promises";
import { isIPv6 } from "node:net";
import type { Log } from "../lib/log.ts";
import { Graph, type ProcessNode } from "../model/graph.ts";
import { Stragglers } from "../model/stragglers.ts";
import { ProbeHost } from "../probes/host.ts";
import type { Probe } from "../probes/probe.ts";
import { RecentEvents } from "../protocol/recent-events.ts";
import { eventCounts, makeAnswers, status, type AnswerSources, type Answers } from "./answers.ts";
import { Bus } from "./bus.ts";
import { Emitted } from "./emitted.ts";
import { Gate } from "./gate.ts";
import type { Metrics } from "./metrics.ts";
import { resourceSeries } from "./resource-metrics.ts";
import { listenError } from "./port-in-use.ts";
import { openRecording, type Recorder } from "./recorder.ts";
import type { Listening } from "./server.ts";
import { EventStreams } from "./streams.ts";
import { newToken, removeToken, tokenFolder, writeToken } from "./token.ts";

export interface DaemonOptions {
  /** 0 takes any that is free. */
  port: number;
  host: string;
  intervalMs: number;
  /** What this host is called in events and answers. */
  node: string;
  probes: readonly Probe[];
  /** A file to write every event to; it must not exist. */
  record?: string;
  log: Log;
  version: string;
  /** The container that a process runs in, as a person knows it. */
  containerOf?(process: ProcessNode): string | null;
}

export interface Daemon {
  port: number;
  /** Resolves within two seconds, whoever is connected. May be called more than once. */
  stop(): Promise<void>;
  /** Resolves once it has stopped. */
  done: Promise<void>;
}

const EXPIRY_PERIOD_MS = 1_000;
/** Of the two seconds that a stop may take, what the recording gets at least. */
const STOP_MS = 1_950;
const LAST_WRITE_MS = 50;

/** Throws XctlError: port in use, no place for the token, a recording that cannot be made. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { log, node, version, record } = options;
  const folder = tokenFolder();
  const recorder = record === undefined ? undefined : await openRecording(record, { node, version, log });
  try {
    return await startOn(folder, recorder, options);
  } catch (error) {
    await recorder?.close(LAST_WRITE_MS);
    // Made a moment ago, and nothing is in it.
    if (record !== undefined) await rm(record, { force: true });
    throw error;
  }
}

async function startOn(folder: string, recorder: Recorder | undefined, options: DaemonOptions): Promise<Daemon> {
  const { host: address, node, log, probes } = options;
  const parts = makeParts(recorder, options);
  const token = newToken();
  const listening = await openServer(parts, token, options);
  const { port } = listening;
  try {
    writeToken(folder, port, token);
  } catch (error) {
    await listening.stop();
    throw error;
  }
  const expiry = setInterval(() => {
    const nowMs = Date.now();
    parts.graph.expire(nowMs);
    parts.stragglers.sample(parts.graph, nowMs);
  }, EXPIRY_PERIOD_MS);
  parts.host.start(probes);
  if (!LOOPBACK.test(address))
    log(`${address} may be reached from other machines: whoever sees the traffic sees the token`);
  log(`listening on ${urlOf(address, port)}, probes: ${probes.map((probe) => probe.name).join(", ") || "none"}`);

  const { promise: done, resolve } = Promise.withResolvers<void>();
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    const startMs = performance.now();
    clearInterval(expiry);
    parts.bus.close();
    removeToken(folder, port, token);
    await Promise.all([parts.host.stop(), listening.stop()]);
    await recorder?.close(Math.max(LAST_WRITE_MS, STOP_MS - (performance.now() - startMs)));
    log(`stopped after ${eventCounts(parts).events.applied} events on ${node}`);
    resolve();
  };
  return { port, done, stop: () => (stopping ??= stop()) };
}

interface Parts extends AnswerSources {
  streams: EventStreams;
  answers: Answers;
}

function makeParts(recorder: Recorder | undefined, options: DaemonOptions): Parts {
  const { node, log, version, intervalMs, containerOf = () => null } = options;
  const graph = new Graph({ localNode: node });
  const recent = new RecentEvents(node);
  const streams = new EventStreams({ node, log });
  const bus = new Bus({ graph, recent, streams, recorder });
  const host = new ProbeHost({ sink: (events) => bus.take(events), log, interval: intervalMs, now: () => Date.now() });
  const told = { emitted: new Emitted(), recent, recorder, stragglers: new Stragglers() };
  const sources = { version, node, graph, host, bus, ...told, containerOf };
  return { ...sources, streams, answers: makeAnswers(sources) };
}

/** The HTTP server and the schemas are loaded here, so that whoever only needs the parts does not pay for them. */
async function openServer(parts: Parts, token: string, { host, port, log }: DaemonOptions): Promise<Listening> {
  const [{ listen, SERVER_NAME }, { answerRpc }] = await Promise.all([import("./server.ts"), import("./rpc.ts")]);
  let metrics: Promise<Metrics> | undefined;
  const backend = {
    gate: new Gate(token, host),
    streams: parts.streams,
    log,
    rpc: (body: string) => answerRpc(body, parts.answers, log),
    metrics: async () => {
      metrics ??= import("./metrics.ts").then(({ makeMetrics }) => makeMetrics());
      const { contentType, text } = await metrics;
      const resources = resourceSeries(parts.graph.resources(), parts.graph.errors(), Date.now());
      return { contentType, text: await text(status(parts), parts.streams.size, resources) };
    },
  };
  try {
    return await listen(backend, { host, port });
  } catch (error) {
    parts.streams.close();
    throw await listenError(error, host, port, SERVER_NAME);
  }
}

const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|::1)$/i;

function urlOf(host: string, port: number): string {
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
