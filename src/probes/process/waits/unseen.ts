/**
 * A wait whose system call we may not see, or that is in none we know (an ordinary user looking at others' processes,
 * a 32-bit program): what the wait channel alone tells. Names differ between kernels; those here are of 4.18 to 6.18.
 */
import { held } from "../fact.ts";
import { MAX_HOLDERS, ownEntity, waitFact, type WaitResolver } from "./resolver.ts";

const BY_WAIT_CHANNEL: readonly (readonly [wchan: RegExp, kind: string])[] = [
  [/pipe_read|pipe_wait_readable/, "pipe.read"],
  [/pipe_write|pipe_wait_writable/, "pipe.write"],
  [/unix_stream_read|unix_stream_data_wait/, "unix.recv"],
  [/unix_wait_for_peer/, "unix.send"],
  [/inet_csk_accept/, "tcp.accept"],
  [/inet_stream_connect/, "tcp.connect"],
  [/^do_wait$/, "child"],
  [/nanosleep/, "sleep"],
  [/ep_poll|do_epoll_wait/, "epoll"],
  [/^do_select$/, "select"],
  [/poll/, "poll"],
  [/n_tty_read/, "tty.read"],
  [/locks_lock_inode_wait|flock/, "flock"],
  [/fcntl_setlk|posix_lock/, "posix_lock"],
];

export const unseenWait: WaitResolver = {
  kind: "unseen",
  matches: (task) => !task.kthread && task.syscall === undefined && kindOf(task.wchan) !== undefined,
  resolve(task, view) {
    const kind = kindOf(task.wchan) as string;
    if (kind === "child") {
      const entity = `children:${task.pid}`;
      const children = view.children(task.pid).slice(0, MAX_HOLDERS);
      const evidence = (pid: number) => ({ source: `/proc/${pid}/stat`, observed: `parent ${task.pid}` });
      const facts = children.map(({ pid }) => held(entity, pid, "child", { ...evidence(pid), certainty: "derived" }));
      return [waitFact(task, kind, entity, { certainty: "derived" }), ...facts];
    }
    // Nothing more than the kind is wanted of it, so that the rest is not seen takes nothing away.
    if (kind === "sleep") return [waitFact(task, kind, ownEntity(kind, task), { certainty: "derived" })];
    const entity = `wait:${task.pid}:${task.tid}`;
    return [waitFact(task, kind, entity, { certainty: "derived", holder: "hidden", blind: ["fds"] })];
  },
};

function kindOf(wchan: string): string | undefined {
  return BY_WAIT_CHANNEL.find(([pattern]) => pattern.test(wchan))?.[1];
}
