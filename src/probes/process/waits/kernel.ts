/** Whatever no other kind takes: told by the name of the system call, or of the kernel function it sleeps in. */
import { waitFact, type WaitResolver } from "./resolver.ts";

export const kernelWait: WaitResolver = {
  kind: "kernel",
  matches: () => true,
  resolve(task) {
    const entity = `wait:${task.pid}:${task.tid}`;
    if (task.syscall !== undefined) return [waitFact(task, `syscall.${task.syscall.name}`, entity)];
    const seen = task.wchan !== "" || task.blind.length === 0;
    return [waitFact(task, `kernel.${task.wchan || "unknown"}`, entity, seen ? {} : { holder: "hidden" })];
  },
};
