/** Recorded trees in one file each (test/fixtures/drm/*.tree), for names that not every file system takes. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export class Tree {
  /** The paths that are files. */
  readonly files: string[] = [];
  readonly root = mkdtempSync(join(tmpdir(), "xctl-tree-"));

  constructor(name: string) {
    const text = readFileSync(fileURLToPath(new URL(`../fixtures/${name}.tree`, import.meta.url)), "utf8");
    const lines = text.split("\n");
    for (let at = 0; at < lines.length; at++) {
      const path = /^Path: (.+)$/.exec(lines[at] as string)?.[1];
      if (path === undefined) continue;
      const target = /^SymlinkTo: (.+)$/.exec(lines[at + 1] as string)?.[1];
      const count = Number(/^Lines: (\d+)$/.exec(lines[at + 1] as string)?.[1] ?? 0);
      if (target !== undefined) this.link(path, target);
      else this.put(path, lines.slice(at + 2, at + 2 + count).map((line) => `${line}\n`).join("")); // prettier-ignore
      at += 1 + count;
    }
  }

  put(path: string, text: string): void {
    if (!this.files.includes(path)) this.files.push(path);
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  link(path: string, target: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    symlinkSync(target, join(this.root, path));
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), "utf8");
  }

  /** Replaces a text that must be there. */
  change(path: string, from: string, to: string): void {
    const text = this.read(path);
    if (!text.includes(from)) throw new Error(`${path} has no ${from}`);
    this.put(path, text.replace(from, to));
  }

  remove(path = ""): void {
    rmSync(join(this.root, path), { recursive: true });
  }
}
