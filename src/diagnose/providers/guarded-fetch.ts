/** fetch as a request that carries a key should be made: to nobody else than was named, and for no more than an answer. */
import { Failure } from "../failure.ts";

/** A report is some kilobytes; in a stream each word of it comes in a frame of its own. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** A redirect is not followed: the `x-api-key` header would go along to wherever it leads. */
export const guardedFetch: typeof fetch = async (input, init) => {
  const response = await fetch(input, { ...init, redirect: "manual" });
  if (response.body === null) return response;
  // A web site, or a portal before the network: its page would be taken for an answer that was cut off.
  if (response.ok && /^text\/html\b/i.test(response.headers.get("content-type") ?? "")) {
    await response.body.cancel();
    throw new Failure("no_api");
  }
  let bytes = 0;
  const counted = response.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes += chunk.byteLength;
        if (bytes > MAX_BODY_BYTES) controller.error(new Failure("too_large"));
        else controller.enqueue(chunk);
      },
    }),
  );
  const { status, statusText, headers } = response;
  return new Response(counted, { status, statusText, headers });
};
