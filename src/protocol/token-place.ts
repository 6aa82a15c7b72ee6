/** Where a daemon's token lies, so that a client finds it by the port. Nothing is read or written here. */
import { tmpdir, userInfo } from "node:os";
import { isAbsolute, join } from "node:path";

export function tokenName(port: number): string {
  return `${port}.token`;
}

/** 32 random bytes in base64url. */
export const TOKEN = /^[\w-]{43}$/;

export interface Surroundings {
  platform: NodeJS.Platform;
  env: NodeJS.ProcessEnv;
  /** Undefined on Windows. */
  uid: number | undefined;
}

export function surroundings(): Surroundings {
  return { platform: process.platform, env: process.env, uid: process.getuid?.() };
}

/**
 * The folders that a daemon of this user may have chosen, the likeliest first; a daemon takes the first one whose
 * parent is there and is its own. Under sudo, those of the user who called it come last.
 */
export function tokenFolders({ platform, env, uid }: Surroundings): string[] {
  const folders: string[] = [];
  const runtime = env.XDG_RUNTIME_DIR;
  // The XDG base directory specification has relative paths ignored.
  if (runtime !== undefined && isAbsolute(runtime)) folders.push(join(runtime, "xctl"));
  if (platform !== "linux") return [...folders, join(tmpdir(), `xctl-${uid ?? userInfo().username}`)];
  if (uid !== 0) folders.push(`/run/user/${uid}/xctl`);
  folders.push("/run/xctl");
  if (uid === 0 && /^\d+$/.test(env.SUDO_UID ?? "")) folders.push(`/run/user/${env.SUDO_UID}/xctl`);
  return [...new Set(folders)];
}
