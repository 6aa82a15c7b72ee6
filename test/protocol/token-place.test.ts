/** A client looks where a daemon may have put its token, and the daemon's own choice comes first. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { tokenFolders } from "../../src/protocol/token-place.ts";

const LINUX = { platform: "linux" } as const;

test("a user's daemon and root's are both looked for", () => {
  assert.deepEqual(tokenFolders({ ...LINUX, uid: 1000, env: { XDG_RUNTIME_DIR: "/run/user/1000" } }), [
    "/run/user/1000/xctl",
    "/run/xctl",
  ]);
  assert.deepEqual(tokenFolders({ ...LINUX, uid: 1000, env: {} }), ["/run/user/1000/xctl", "/run/xctl"]);
  assert.deepEqual(tokenFolders({ ...LINUX, uid: 0, env: {} }), ["/run/xctl"]);
});

test("under sudo the caller's own daemon is found, after root's", () => {
  const env = { SUDO_UID: "1000" };
  assert.deepEqual(tokenFolders({ ...LINUX, uid: 0, env }), ["/run/xctl", "/run/user/1000/xctl"]);
  assert.deepEqual(tokenFolders({ ...LINUX, uid: 0, env: { SUDO_UID: "../x" } }), ["/run/xctl"]);
});

test("a relative XDG_RUNTIME_DIR is ignored, as its specification says", () => {
  assert.deepEqual(tokenFolders({ ...LINUX, uid: 0, env: { XDG_RUNTIME_DIR: "run" } }), ["/run/xctl"]);
});

test("without /run there is a folder for each user", () => {
  const folders = tokenFolders({ platform: "darwin", uid: 501, env: {} });
  assert.equal(folders.length, 1);
  assert.match(folders[0] ?? "", /xctl-501$/);
});
