/** The program's entry: runs the command line and leaves its exit status. Everything else is loaded when needed. */
import { homedir } from "node:os";
import { join } from "node:path";
import { enableCompileCache } from "node:module";

// Compiled code is kept between runs, in a folder of the user's own: in a shared one others could plant code.
enableCompileCache(join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "xctl"));

void main();

async function main(): Promise<void> {
  // Loaded after the cache is on, so that it is cached too.
  const { runCommandLine } = await import("./cli.ts");
  process.exitCode = await runCommandLine(process.argv.slice(2));
}
