/** Why the daemon cannot listen: an error that tells who has the port, and what to do. */
import { get } from "node:http";
import { messageOf, XctlError } from "../lib/errors.ts";

const PATIENCE_MS = 1_000;

export async function listenError(error: unknown, host: string, port: number, serverName: string): Promise<XctlError> {
  switch ((error as NodeJS.ErrnoException).code) {
    case "EADDRINUSE":
      if ((await serverAt(host, port)) === serverName) {
        const hint = `ask that one: xctl status --port ${port}; or choose another port: xctl run --port ${port + 1}`;
        return new XctlError("failed", `another xctl daemon has port ${port}`, hint);
      }
      return new XctlError("failed", `another program has port ${port}`, `choose another: xctl run --port ${port + 1}`);
    case "EACCES":
      return new XctlError("not_permitted", `not permitted to listen on port ${port}`, "choose one above 1023: --port");
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new XctlError(
        "failed",
        `${host} is no address of this machine`,
        "xctl run without --host listens on 127.0.0.1",
      );
    default:
      return new XctlError("failed", `cannot listen on ${host}, port ${port}: ${messageOf(error)}`);
  }
}

/** What calls itself the server there; undefined where nothing answers in time. */
function serverAt(host: string, port: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const options = { host, port, path: "/healthz", agent: false, headers: { Host: `localhost:${port}` } } as const;
  const request = get(options, (response) => {
    resolve(String(response.headers.server));
    response.destroy();
  });
  request.once("error", () => resolve(undefined));
  // From the start, whatever trickles in.
  const late = setTimeout(() => {
    resolve(undefined);
    request.destroy();
  }, PATIENCE_MS);
  return promise.finally(() => clearTimeout(late));
}
