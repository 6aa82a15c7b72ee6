/**
 * The process that calls NVML: a call that hangs in the driver hangs here, and whoever started it kills it (reader-life.ts).
 * A line on standard input asks for a reading, a line of JSON on standard output answers; `{"ready":true}` comes first.
 * Before each call its name goes to fd 3, so that the one that never returns is known.
 */
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { messageOf } from "../../lib/errors.ts";
import { NvmlSession } from "../../kernel/nvml-session.ts";

const STEPS_FD = 3;
/** include/uapi/linux/prctl.h, and the number of SIGKILL. */
const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

let gpu: number | undefined;

// Ctrl-C goes to the whole foreground group; the daemon decides when this ends.
process.on("SIGINT", () => {});

void answer();

async function answer(): Promise<void> {
  try {
    await dieWithParent();
    const session = await NvmlSession.open(tellStep);
    say({ ready: true });
    for await (const _ of createInterface({ input: process.stdin })) {
      say({ reading: session.read((index) => (gpu = index)) });
      tellStep("");
    }
  } catch (error) {
    say({ failed: messageOf(error) });
  }
  // exit() would run the library's own clean-up, which may hang like any other call.
  process.kill(process.pid, "SIGKILL");
}

/** While a call hangs, nobody sees standard input end: the kernel itself ends this process with the daemon. */
async function dieWithParent(): Promise<void> {
  const parent = process.ppid;
  const { default: koffi } = await import("koffi");
  koffi.load(null).func("int prctl(int, unsigned long)")(PR_SET_PDEATHSIG, SIGKILL);
  // The daemon may have died before the kernel was told.
  if (process.ppid !== parent) throw new Error("nobody asks any more");
}

function tellStep(call: string): void {
  const about = gpu === undefined ? "" : ` of GPU ${gpu}`;
  try {
    writeSync(STEPS_FD, call === "" ? "\n" : `${call}${about}\n`);
  } catch {
    // Nobody reads it any more.
  }
}

function say(what: object): void {
  writeSync(1, `${JSON.stringify(what)}\n`);
}
