/** What eBPF tells beyond the samples: each part where this machine allows it, and nothing where it is kept out. */
import type { BpfFiles } from "../../kernel/bpf-files.ts";
import type { Log } from "../../lib/log.ts";
import { openBpfFiles } from "../ebpf-choice.ts";
import { Lifecycle } from "./lifecycle.ts";
import { Polling } from "./polling.ts";
import { Stalls } from "./stalls.ts";

export class Ebpf {
  readonly lifecycle: Lifecycle | undefined;
  readonly stalls: Stalls | undefined;
  readonly files: BpfFiles | undefined;
  readonly polling: Polling | undefined;

  private constructor(parts: Partial<Pick<Ebpf, "lifecycle" | "stalls" | "files" | "polling">>) {
    this.lifecycle = parts.lifecycle;
    this.stalls = parts.stalls;
    this.files = parts.files;
    this.polling = parts.polling;
  }

  static async open(proc: string, { isAllowed, log }: { isAllowed: boolean; log: Log }): Promise<Ebpf> {
    if (!isAllowed) return Ebpf.none;
    return new Ebpf({
      files: await openBpfFiles(proc, log),
      lifecycle: await Lifecycle.open(proc, log),
      stalls: await Stalls.open(log),
      polling: await Polling.open(log),
    });
  }

  static get none(): Ebpf {
    return new Ebpf({});
  }

  /** Records that were lost since the start; undefined where there are none to lose. */
  get lost(): number | undefined {
    const { lifecycle, stalls } = this;
    return lifecycle === undefined && stalls === undefined ? undefined : (lifecycle?.lost ?? 0) + (stalls?.lost ?? 0);
  }

  close(): void {
    this.lifecycle?.close();
    this.stalls?.close();
    this.files?.close();
    this.polling?.close();
  }
}
