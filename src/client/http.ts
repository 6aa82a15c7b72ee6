/**
 * One request over HTTP/1.0 on a bare socket, because loading node:http takes longer than the daemon's answer.
 * Version 1.0 has the server send the body as it is and close after it, so that there is nothing to decode.
 */
import { connect, type Socket } from "node:net";
import { messageOf, XctlError } from "../lib/errors.ts";

export interface Address {
  host: string;
  port: number;
}

export interface Request {
  method: "GET" | "POST";
  path: string;
  token: string;
  /** JSON. */
  body?: string;
}

export interface Response {
  status: number;
  /** What of the body came with the head. */
  start: Buffer;
  /** Yields the rest of the body. */
  socket: Socket;
}

const CONNECT_TIMEOUT_MS = 2_000;
const ANSWER_TIMEOUT_MS = 30_000;
const MAX_HEAD_BYTES = 64 * 1024;
const MAX_BODY_BYTES = 256 * 1024 * 1024;
const HEAD_END = "\r\n\r\n";

/** The whole answer; ends within half a minute. Throws XctlError where the daemon cannot be reached. */
export async function exchange(address: Address, request: Request): Promise<{ status: number; body: string }> {
  const deadline = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  const { status, start, socket } = await send(address, request, deadline);
  const chunks = [start];
  let bytes = start.length;
  try {
    for await (const chunk of socket) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes > MAX_BODY_BYTES) throw new XctlError("failed", "the daemon's answer is too large", "ask for less");
    }
  } catch (error) {
    throw error instanceof XctlError ? error : lost(address, error, deadline);
  } finally {
    socket.destroy();
  }
  return { status, body: Buffer.concat(chunks).toString("utf8") };
}

/** Resolves when the answer's head is there. The signal ends the exchange, also after that. */
export async function send(address: Address, request: Request, signal: AbortSignal): Promise<Response> {
  const socket = await open(address);
  const onAbort = (): void => void socket.destroy(new Error("no answer in time"));
  signal.addEventListener("abort", onAbort, { once: true });
  socket.once("close", () => signal.removeEventListener("abort", onAbort));
  if (signal.aborted) onAbort();
  socket.write(textOf(address, request));
  try {
    const { head, start } = await readHead(socket);
    const status = Number(/^HTTP\/1\.[01] (\d{3})\b/.exec(head)?.[1]);
    if (Number.isNaN(status))
      throw new XctlError("daemon_unreachable", `no xctl daemon answers on port ${address.port}`);
    return { status, start, socket };
  } catch (error) {
    socket.destroy();
    throw error instanceof XctlError ? error : lost(address, error, signal);
  }
}

/** Throws XctlError where nothing listens there. */
export async function knock(address: Address): Promise<void> {
  (await open(address)).destroy();
}

function unreachable(port: number): XctlError {
  return new XctlError("daemon_unreachable", `cannot reach the daemon (port ${port})`, "start it first: xctl run");
}

function open(address: Address): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(address);
    socket.setNoDelay(true);
    const fail = (): void => {
      socket.destroy();
      reject(unreachable(address.port));
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, fail);
    socket.once("error", fail);
    socket.once("connect", () => {
      socket.setTimeout(0);
      socket.removeAllListeners("timeout");
      socket.off("error", fail);
      // Whoever reads the socket hears of an error through the reading.
      socket.on("error", () => {});
      resolve(socket);
    });
  });
}

function textOf({ host, port }: Address, { method, path, token, body }: Request): string {
  const name = host.includes(":") ? `[${host}]` : host;
  const head = [`${method} ${path} HTTP/1.0`, `Host: ${name}:${port}`, `Authorization: Bearer ${token}`];
  if (body !== undefined) head.push("Content-Type: application/json", `Content-Length: ${Buffer.byteLength(body)}`);
  return `${head.join("\r\n")}${HEAD_END}${body ?? ""}`;
}

async function readHead(socket: Socket): Promise<{ head: string; start: Buffer }> {
  let read = Buffer.alloc(0);
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    read = Buffer.concat([read, chunk as Buffer]);
    const end = read.indexOf(HEAD_END);
    if (end >= 0) return { head: read.toString("latin1", 0, end), start: read.subarray(end + HEAD_END.length) };
    if (read.length > MAX_HEAD_BYTES) break;
  }
  throw new Error("no answer");
}

function lost({ port }: Address, error: unknown, deadline: AbortSignal): XctlError {
  const why = deadline.aborted ? `has not answered in ${ANSWER_TIMEOUT_MS / 1000} s` : `is gone: ${messageOf(error)}`;
  return new XctlError("daemon_unreachable", `the daemon (port ${port}) ${why}`, "see what it says: xctl run");
}
