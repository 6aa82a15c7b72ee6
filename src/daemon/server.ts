/**
 * The HTTP side of the daemon: routes, limits, refusals. What the answers are is not its matter.
 *
 * No client, however slow, large or many, can hang it: headers, bodies, time, connections and buffers are bounded.
 */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { Hono, type Context } from "hono";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { EVENT_TYPES, type EventType } from "../model/event.ts";
import type { EventFilter } from "../protocol/recent-events.ts";
import type { Gate } from "./gate.ts";
import type { EventStreams } from "./streams.ts";

/** What the routes lead to. */
export interface Backend {
  gate: Gate;
  streams: EventStreams;
  log: Log;
  /** A JSON-RPC body → the response's body; undefined where nothing is to be answered. */
  rpc(body: string): Promise<string | undefined>;
  metrics(): Promise<{ contentType: string; text: string }>;
}

export interface Listening {
  port: number;
  /** Lets answers that are under way finish for a moment, then ends every connection. */
  stop(): Promise<void>;
}

type Env = { Bindings: HttpBindings };

const MAX_BODY_BYTES = 8 * 1024 * 1024;
const LAST_ANSWERS_MS = 300;
const LIMITS = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 5_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
};
const MAX_CONNECTIONS = 256;
/** A client that neither sends nor takes anything; an event stream's heartbeat comes twice as often. */
const SILENCE_MS = 30_000;
/** Told without a token: it shows whoever finds the port in use that it is an xctl daemon's. */
export const SERVER_NAME = "xctl";

/** Rejects with the socket's error where the address cannot be had. */
export async function listen(backend: Backend, address: { host: string; port: number }): Promise<Listening> {
  const listener = getRequestListener(routes(backend).fetch, { overrideGlobalObjects: false });
  const server = createServer(LIMITS, (incoming, outgoing) => void listener(incoming, outgoing));
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(SILENCE_MS);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(address.port, address.host, resolve);
  });
  server.on("error", (error) => backend.log(`server: ${messageOf(error)}`));
  return { port: (server.address() as AddressInfo).port, stop: () => stop(server, backend) };
}

function routes({ gate, streams, log, rpc, metrics }: Backend): Hono<Env> {
  const app = new Hono<Env>();
  app.onError((error, context) => {
    log(`${context.req.method} ${context.req.path} failed: ${messageOf(error)}`);
    return refuse(context, 500, "internal error; the daemon's log says more");
  });
  app.notFound((context) => refuse(context, 404, "no such resource"));

  app.use(async (context, next) => {
    context.header("Server", SERVER_NAME);
    context.header("X-Content-Type-Options", "nosniff");
    context.header("Cache-Control", "no-store");
    const { host, origin, authorization } = context.env.incoming.headers;
    if (!gate.admitsSource(host, origin)) return refuse(context, 403, "foreign Host or Origin");
    if (context.req.path !== "/healthz" && !gate.admitsToken(authorization)) {
      return refuse(context, 401, "missing or wrong token", { "WWW-Authenticate": "Bearer" });
    }
    await next();
  });

  app.get("/healthz", (context) => context.text("ok"));

  app.post("/rpc", async (context) => {
    const body = await readBody(context.env.incoming);
    if (body === undefined) return refuse(context, 413, `more than ${MAX_BODY_BYTES} bytes`, { Connection: "close" });
    const answer = await rpc(body);
    if (answer === undefined) return context.body(null, 204);
    return context.body(answer, 200, { "Content-Type": "application/json" });
  });

  app.get("/events", (context) => {
    const filter = filterOf(context);
    if (filter === undefined) return refuse(context, 400, "type is an event type, pid a positive integer");
    if (streams.isFull) return refuse(context, 503, "too many clients follow the events");
    streams.add(context.env.outgoing, filter);
    return RESPONSE_ALREADY_SENT;
  });

  app.get("/metrics", async (context) => {
    const { contentType, text } = await metrics();
    return context.body(text, 200, { "Content-Type": contentType });
  });
  return app;
}

type Refusal = 400 | 401 | 403 | 404 | 413 | 500 | 503;

function refuse(context: Context<Env>, status: Refusal, message: string, headers?: Record<string, string>): Response {
  return context.json({ error: { message } }, status, headers);
}

/** Undefined where it is larger than allowed; the rest of it is then left unread. */
async function readBody(incoming: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function filterOf(context: Context<Env>): EventFilter | undefined {
  const type = context.req.query("type");
  const pid = context.req.query("pid");
  if (type !== undefined && !EVENT_TYPES.includes(type as EventType)) return undefined;
  if (pid !== undefined && !/^[1-9]\d{0,15}$/.test(pid)) return undefined;
  return { type: type as EventType | undefined, pid: pid === undefined ? undefined : Number(pid) };
}

async function stop(server: Server, { streams }: Backend): Promise<void> {
  streams.close();
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  const last = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS);
  await closed;
  clearTimeout(last);
}
