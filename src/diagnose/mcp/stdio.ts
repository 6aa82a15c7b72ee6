/**
 * The server's life on standard input and output: until the input ends, a signal comes, or the input is no protocol.
 * Standard output belongs to the protocol; whatever else is to be said goes to `tell`.
 */
import { once } from "node:events";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";

/** Of one message, or what a writer sends without an end of line. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
const MAX_COMPLAINT = 200;

/** Whether it ended as it should: by its user, not by input that was no protocol. */
export async function serve(server: McpServer, tell: (message: string) => void): Promise<boolean> {
  const { stdin, stdout } = process;
  const transport = new StdioServerTransport(stdin, stdout, { maxBufferSize: MAX_MESSAGE_BYTES });
  const ended = Promise.withResolvers<boolean>();
  const stop = () => ended.resolve(true);
  Object.assign(server.server, {
    // A message that is none costs itself only; where one does not end, the SDK closes.
    onerror: (error: Error) => tell((error.message.split("\n", 1)[0] ?? "").slice(0, MAX_COMPLAINT)),
    onclose: () => ended.resolve(false),
  });
  process.once("SIGTERM", stop).once("SIGINT", stop);
  void once(stdin, "end").then(stop, stop);
  await server.connect(transport);
  const isWell = await ended.promise;
  process.off("SIGTERM", stop).off("SIGINT", stop);
  // What was asked before the input ended is answered: the program ends when nothing is left to do.
  stdin.pause();
  return isWell;
}
