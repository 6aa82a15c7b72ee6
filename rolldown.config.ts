/**
 * One bundle with lazy chunks: a command loads only what it needs, so `xctl ps` starts nearly as fast as Node itself.
 *
 * It is CommonJS because an ES module that imports a built-in makes Node read every export of it first, and those of
 * `node:process` open standard input and output: 20 ms at each start.
 */
import { defineConfig, type Plugin } from "rolldown";

export default defineConfig({
  input: {
    main: "src/main.ts",
    helper: "src/kernel/helper.ts",
    guardian: "src/probes/guardian.ts",
    "nvml-reader": "src/probes/nvml/reader-process.ts",
  },
  platform: "node",
  external: ["koffi"],
  plugins: [commonJs(), lazyChildProcess()],
  output: {
    dir: "dist",
    format: "cjs",
    entryFileNames: "[name].js",
    chunkFileNames: "[name]-[hash].js",
    cleanDir: true,
    minify: { mangle: false, compress: false },
  },
});

/** The package around dist/ is of ES modules; this folder is not. */
function commonJs(): Plugin {
  return {
    name: "commonjs-folder",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "package.json", source: `{ "type": "commonjs" }\n` });
    },
  };
}

/** commander imports node:child_process, 10 ms, for commands that are programs of their own; xctl has none. */
function lazyChildProcess(): Plugin {
  const stub = "\0no-child-process";
  return {
    name: "lazy-child-process",
    resolveId: (id, importer) => (id === "node:child_process" && importer?.includes("/commander/") ? stub : undefined),
    load: (id) => (id === stub ? "export default {};" : undefined),
  };
}
