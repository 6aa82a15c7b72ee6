/** The tokens that a daemon on this port may have left for this user. Only files are read; nothing is asked. */
import { closeSync, constants, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { surroundings, TOKEN, tokenFolders, tokenName, type Surroundings } from "../protocol/token-place.ts";

const MAX_TOKEN_BYTES = 128;

export interface FoundTokens {
  /** More than one where a daemon that was killed left its file behind. */
  tokens: string[];
  /** A file that may be there, but may not be read. */
  forbidden: string | undefined;
}

export function findTokens(port: number, around: Surroundings = surroundings()): FoundTokens {
  const found: FoundTokens = { tokens: [], forbidden: undefined };
  for (const folder of tokenFolders(around)) {
    const file = join(folder, tokenName(port));
    try {
      const token = readToken(file);
      if (token !== undefined) found.tokens.push(token);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EACCES" || code === "EPERM") found.forbidden = file;
    }
  }
  return found;
}

/**
 * Undefined where the file holds no token. Asked by root, the folder may be another user's: it follows no link, waits
 * for no pipe, and passes nothing on that is not a token's shape.
 */
function readToken(file: string): string | undefined {
  const fd = openSync(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  try {
    const buffer = Buffer.alloc(MAX_TOKEN_BYTES);
    const token = buffer.toString("latin1", 0, readSync(fd, buffer)).trim();
    return TOKEN.test(token) ? token : undefined;
  } finally {
    closeSync(fd);
  }
}
