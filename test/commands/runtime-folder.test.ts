/** Where the daemon's token lies: the folders it may take, and those it refuses. */
import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { asRoot } from "../act/processes.ts";
import { Place } from "./place.ts";

const NOBODY = 65_534;
const POSIX = process.platform === "win32" ? "no owners and modes here" : false;

test(
  "its own folder is made for its user alone, and clients of that user find the token by the port",
  { skip: POSIX },
  async (t) => {
    const place = new Place(t);
    const daemon = await place.daemon("--probe", "dummy");
    const folder = statSync(join(place.folder, "xctl"));
    const token = statSync(join(place.folder, "xctl", `${daemon.port}.token`));
    assert.deepEqual([folder.mode & 0o777, token.mode & 0o777], [0o700, 0o600]);
    assert.equal((await daemon.ask("status")).status, 0);
    const elsewhere = await place.run(["status", "--port", String(daemon.port)], {
      env: { XDG_RUNTIME_DIR: join(place.folder, "none") },
    });
    assert.deepEqual([elsewhere.status, elsewhere.stdout], [4, ""]);
    assert.match(elsewhere.stderr, /XDG_RUNTIME_DIR/);
  },
);

test("a folder that others could meddle with is refused, with the way out", { skip: POSIX }, async (t) => {
  const place = new Place(t);
  const xctl = join(place.folder, "xctl");
  mkdirSync(join(place.folder, "real"));
  symlinkSync(join(place.folder, "real"), xctl);
  const { status, stderr } = await place.run(["run", "--probe", "dummy", "--port", "0"]);
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^\[xctl\] error: the daemon's token cannot be kept in .*: is a symbolic link\n\[xctl\] set XDG_RUNTIME_DIR .*\n$/,
  );
});

test(
  "root does not put its token where another user may read it, and asks any user's daemon",
  { skip: POSIX || asRoot },
  async (t) => {
    const place = new Place(t);
    chownSync(place.folder, NOBODY, NOBODY);
    // Not root's own: it takes /run/xctl instead.
    const daemon = await place.daemon("--probe", "dummy");
    assert.equal(statSync(join(place.folder, "xctl"), { throwIfNoEntry: false }), undefined);
    assert.equal(statSync(join("/run/xctl", `${daemon.port}.token`)).uid, 0);
    assert.equal((await daemon.ask("status")).status, 0);
    daemon.child.kill("SIGTERM");
    await daemon.ended;
    assert.equal(statSync(join("/run/xctl", `${daemon.port}.token`), { throwIfNoEntry: false }), undefined);
  },
);

test("without a folder that it may use it says which it tried", { skip: POSIX || asRoot }, async (t) => {
  const place = new Place(t);
  chmodSync(place.folder, 0o755);
  const run = [
    "import os, sys",
    `os.setgroups([]); os.setgid(${NOBODY}); os.setuid(${NOBODY})`,
    "os.execv(sys.argv[1], sys.argv[1:])",
  ];
  const { status, stderr } = await place.shell(
    `python3 -c '${run.join("; ")}' "${process.execPath}" "${place.main}" run --probe dummy --port 0`,
  );
  assert.notEqual(status, 0);
  assert.match(
    stderr,
    /\[xctl\] error: no folder for the daemon's token: tried .*\/xctl, \/run\/user\/65534\/xctl, \/run\/xctl\n\[xctl\] set XDG_RUNTIME_DIR/,
  );
});
