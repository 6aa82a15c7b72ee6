/** JSON-RPC 2.0 as the daemon and its clients speak it (https://www.jsonrpc.org/specification). */
import type { ErrorCode } from "../lib/errors.ts";

export const RPC_ERRORS = {
  parse: -32700,
  invalid_request: -32600,
  method_not_found: -32601,
  invalid_params: -32602,
  internal: -32603,
  /** The question was understood, and its answer is an error: `data` tells which. */
  application: -32000,
} as const;

export interface RpcError {
  code: number;
  message: string;
  data?: { code: ErrorCode; hint: string | null };
}

export type RpcId = string | number | null;

export type RpcResponse = { jsonrpc: "2.0"; id: RpcId } & ({ result: unknown } | { error: RpcError });
