/** A request's body → the response's: JSON-RPC 2.0, single and in batches. It never throws, whatever the body holds. */
import { messageOf, XctlError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { RPC_ERRORS, type RpcError, type RpcId, type RpcResponse } from "../protocol/jsonrpc.ts";
import { METHODS, type MethodName } from "../protocol/methods.ts";
import type { Answers } from "./answers.ts";

const MAX_BATCH = 32;

/** Undefined where there is nothing to answer: notifications. */
export async function answerRpc(body: string, answers: Answers, log: Log): Promise<string | undefined> {
  let request: unknown;
  try {
    request = JSON.parse(body);
  } catch {
    return JSON.stringify(failure(null, { code: RPC_ERRORS.parse, message: "the body is not JSON" }));
  }
  if (!Array.isArray(request)) return textOf(await answerOne(request, answers, log));
  if (request.length === 0 || request.length > MAX_BATCH) {
    return JSON.stringify(failure(null, invalidRequest(`a batch holds 1 to ${MAX_BATCH} requests`)));
  }
  const texts: string[] = [];
  for (const one of request) {
    const text = textOf(await answerOne(one, answers, log));
    if (text !== undefined) texts.push(text);
  }
  return texts.length === 0 ? undefined : `[${texts.join(",")}]`;
}

function textOf(response: RpcResponse | undefined): string | undefined {
  return response === undefined ? undefined : JSON.stringify(response);
}

async function answerOne(request: unknown, answers: Answers, log: Log): Promise<RpcResponse | undefined> {
  if (typeof request !== "object" || request === null || Array.isArray(request)) {
    return failure(null, invalidRequest("a request is an object"));
  }
  const { jsonrpc, id, method, params } = request as Record<string, unknown>;
  if (id !== undefined && !isId(id)) return failure(null, invalidRequest("id is a string, a number or null"));
  if (jsonrpc !== "2.0" || typeof method !== "string") {
    return failure(id ?? null, invalidRequest(`jsonrpc is "2.0" and method a string`));
  }
  const outcome = await call(method, params ?? {}, answers, log);
  if (id === undefined) return undefined;
  return "error" in outcome ? failure(id, outcome.error) : { jsonrpc: "2.0", id, result: outcome.result };
}

type Outcome = { result: unknown } | { error: RpcError };

async function call(method: string, params: unknown, answers: Answers, log: Log): Promise<Outcome> {
  if (!Object.hasOwn(METHODS, method)) {
    const known = Object.keys(METHODS).join(", ");
    return { error: { code: RPC_ERRORS.method_not_found, message: `no such method; there are ${known}` } };
  }
  const name = method as MethodName;
  try {
    const checked = METHODS[name].safeParse(params);
    if (!checked.success) {
      const issue = checked.error.issues[0];
      const message = `${["params", ...(issue?.path ?? [])].map(String).join(".")}: ${issue?.message}`;
      return { error: { code: RPC_ERRORS.invalid_params, message } };
    }
    const answer = answers[name] as (params: unknown) => unknown;
    return { result: await answer(checked.data) };
  } catch (error) {
    return { error: toRpcError(error, name, log) };
  }
}

function toRpcError(error: unknown, method: MethodName, log: Log): RpcError {
  if (error instanceof XctlError) {
    const { code, message, hint = null } = error;
    return { code: RPC_ERRORS.application, message, data: { code, hint } };
  }
  log(`${method} failed: ${messageOf(error)}`);
  return { code: RPC_ERRORS.internal, message: `internal error in ${method}; the daemon's log says more` };
}

function isId(id: unknown): id is RpcId {
  return id === null || typeof id === "string" || typeof id === "number";
}

function invalidRequest(message: string): RpcError {
  return { code: RPC_ERRORS.invalid_request, message };
}

function failure(id: RpcId, error: RpcError): RpcResponse {
  return { jsonrpc: "2.0", id, error };
}
