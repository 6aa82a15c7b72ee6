/** The only door to the daemon: its methods, typed, with whatever goes wrong told as an XctlError. */
import { EXIT_CODES, XctlError, type ErrorCode } from "../lib/errors.ts";
import type { Event } from "../model/event.ts";
import type { RpcResponse } from "../protocol/jsonrpc.ts";
import type { EmitResult, MethodName, Params, Results } from "../protocol/methods.ts";
import type { EventFilter } from "../protocol/recent-events.ts";
import { exchange, knock, send, type Address, type Request, type Response } from "./http.ts";
import { eventsOf } from "./sse.ts";
import { findTokens } from "./token.ts";

export interface ClientOptions {
  port: number;
  host?: string;
}

export class Client {
  readonly #address: Address;
  /** Those not refused yet, the one in use first. */
  #tokens: string[] | undefined;

  constructor({ port, host = "127.0.0.1" }: ClientOptions) {
    this.#address = { host, port };
  }

  async call<M extends MethodName>(method: M, params: Params<M>): Promise<Results[M]> {
    return (await this.#rpc(method, JSON.stringify(params))) as Results[M];
  }

  /** Events as lines of JSON, which the caller knows to be events: they are passed on as they are. */
  async emit(lines: readonly string[], rejected: Record<string, number>): Promise<EmitResult> {
    return (await this.#rpc(
      "emit",
      `{"events":[${lines.join(",")}],"rejected":${JSON.stringify(rejected)}}`,
    )) as EmitResult;
  }

  /** Events as they come, until the signal aborts. Throws XctlError when the daemon is gone. */
  async *events(filter: EventFilter, signal: AbortSignal): AsyncGenerator<Event> {
    const query = new URLSearchParams();
    if (filter.type !== undefined) query.set("type", filter.type);
    if (filter.pid !== undefined) query.set("pid", String(filter.pid));
    const request = { method: "GET", path: `/events?${query}` } as const;
    const response = await this.#withToken(request, (full) => send(this.#address, full, signal));
    if (response.status !== 200) {
      response.socket.destroy();
      throw new XctlError("failed", refusalOf(response));
    }
    yield* eventsOf(response, signal);
  }

  async #rpc(method: MethodName, params: string): Promise<unknown> {
    const body = `{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`;
    const request = { method: "POST", path: "/rpc", body } as const;
    const answer = await this.#withToken(request, (full) => exchange(this.#address, full));
    if (answer.status !== 200) throw new XctlError("failed", `the daemon refused: status ${answer.status}`);
    return resultOf(answer.body);
  }

  /** A daemon that was killed leaves its token behind, and the next one may have put its own elsewhere. */
  async #withToken<R extends { status: number }>(
    request: Omit<Request, "token">,
    ask: (request: Request) => Promise<R>,
  ): Promise<R> {
    const { port } = this.#address;
    const tokens = (this.#tokens ??= await this.#findTokens());
    for (let token = tokens[0]; token !== undefined; token = tokens[0]) {
      const answer = await ask({ ...request, token });
      if (answer.status !== 401) return answer;
      tokens.shift();
    }
    this.#tokens = undefined;
    const hint = `is it another user's daemon, or another program's port? Ask with sudo, or start one: xctl run --port ${port + 1}`;
    throw new XctlError("not_permitted", `the daemon on port ${port} does not accept the token that was found`, hint);
  }

  /** Without a token there may still be a daemon: another user's, whose token is that user's secret. */
  async #findTokens(): Promise<string[]> {
    const { tokens, forbidden } = findTokens(this.#address.port);
    if (tokens.length > 0) return tokens;
    await knock(this.#address);
    if (forbidden !== undefined) {
      const hint = "the daemon runs as another user: ask as that one, or with sudo";
      throw new XctlError("not_permitted", `not permitted to read ${forbidden}`, hint);
    }
    const hint = "does another program have the port, or was the daemon started with another XDG_RUNTIME_DIR?";
    throw new XctlError("daemon_unreachable", `no xctl daemon of yours is on port ${this.#address.port}`, hint);
  }
}

function resultOf(body: string): unknown {
  let response: RpcResponse;
  try {
    response = JSON.parse(body) as RpcResponse;
  } catch {
    throw new XctlError("failed", "the daemon's answer is cut off", "see what it says: xctl run");
  }
  if ("result" in response) return response.result;
  const { message, data } = response.error;
  throw new XctlError(isErrorCode(data?.code) ? data.code : "failed", message, data?.hint ?? undefined);
}

function isErrorCode(code: string | undefined): code is ErrorCode {
  return code !== undefined && Object.hasOwn(EXIT_CODES, code);
}

function refusalOf({ status, start }: Response): string {
  try {
    return (JSON.parse(start.toString("utf8")) as { error: { message: string } }).error.message;
  } catch {
    return `the daemon refused: status ${status}`;
  }
}
