/**
 * Who may speak to the daemon. The token keeps other users out; the Host and Origin rules keep out web pages, which
 * the user's own browser may be made to load from a name that resolves to this machine (DNS rebinding).
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";

const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];
const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

export class Gate {
  readonly #digest: Buffer;
  readonly #hosts: ReadonlySet<string>;
  readonly #takesAnyAddress: boolean;

  /** `host` is the address that the daemon listens on. */
  constructor(token: string, host: string) {
    this.#digest = digestOf(token);
    this.#hosts = new Set([...LOOPBACK, isIP(host) === 6 ? `[${host.toLowerCase()}]` : host.toLowerCase()]);
    this.#takesAnyAddress = WILDCARDS.has(host);
  }

  /** The Host header names this daemon, and a page that asks was served by it. */
  admitsSource(host: string | undefined, origin: string | undefined): boolean {
    if (host === undefined || !this.#admitsHost(host.toLowerCase())) return false;
    return origin === undefined || origin.toLowerCase() === `http://${host.toLowerCase()}`;
  }

  admitsToken(authorization: string | undefined): boolean {
    const token = /^Bearer ([\w-]{1,128})$/i.exec(authorization ?? "")?.[1];
    // Digests are of one length, so that comparing takes the same time whatever was sent.
    return token !== undefined && timingSafeEqual(digestOf(token), this.#digest);
  }

  #admitsHost(host: string): boolean {
    const name = host.replace(/:\d{1,5}$/, "");
    if (this.#hosts.has(name)) return true;
    // An address cannot be rebound to another one; only a name can.
    return this.#takesAnyAddress && isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0;
  }
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
