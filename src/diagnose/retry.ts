/** A request is made again only where that may help, twice at most, and only within the time that the whole call has. */
import { setTimeout as sleep } from "node:timers/promises";
import { failureOf, type FailureKind } from "./failure.ts";

const HELPED_BY_WAITING: ReadonlySet<FailureKind> = new Set(["rate_limited", "server_error", "connection_lost"]);
const MAX_RETRIES = 2;
const FIRST_PAUSE_MS = 500;

export interface RetryLimits {
  /** By performance.now(): what would end later is not begun. */
  deadlineMs: number;
  signal: AbortSignal;
  key: string | undefined;
}

/** Throws Failure. */
export async function withRetries<T>(attempt: () => Promise<T>, { deadlineMs, signal, key }: RetryLimits): Promise<T> {
  for (let retry = 0; ; retry++) {
    try {
      return await attempt();
    } catch (thrown) {
      // An attempt that was called off fails somehow; the reason is the one it was called off for.
      if (signal.aborted) throw failureOf(signal.reason, key);
      const failure = failureOf(thrown, key);
      const pauseMs = failure.retryAfterMs ?? FIRST_PAUSE_MS * 2 ** retry * (0.75 + Math.random() / 2);
      const isWorthIt = HELPED_BY_WAITING.has(failure.kind) && retry < MAX_RETRIES;
      if (!isWorthIt || performance.now() + pauseMs >= deadlineMs) throw failure;
      await sleep(pauseMs, undefined, { signal }).catch(() => {
        throw failureOf(signal.reason, key);
      });
    }
  }
}
