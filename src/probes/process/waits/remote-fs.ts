/** A file system whose server is another machine, or the host of this one: NFS, SMB, Ceph, 9p, virtiofs. */
import { isRemote, serverOf } from "../../../kernel/mounts.ts";
import { kernelFunction } from "../blocked-task.ts";
import { placeOn } from "../file-place.ts";
import { waitFact, type WaitResolver } from "./resolver.ts";

const REMOTE =
  /^_*(?:rpc_\w+|nfs\d*_\w+|nlm\w*_\w+|cifs_\w+|smb2_\w+|SMB2_\w+|wait_for_response|compound_send_recv|ceph_\w+|p9_\w+|v9fs_\w+|afs_\w+|virtio_fs_\w+|fuse_\w+|request_wait_answer|ll_\w+|ldlm_\w+|ptlrpc_\w+)$/;

/** NFS asks again after a minute, SMB after some seconds; a healthy server answers within one. */
const SILENT_MS = 5000;

export const remoteFsWait: WaitResolver = {
  kind: "remote file system",
  matches: (task) =>
    !task.kthread && (task.state === "D" || REMOTE.test(task.wchan)) && kernelFunction(task, REMOTE) !== undefined,

  async resolve(task, view) {
    const place = await placeOn(task, view, isRemote);
    if (place === undefined) return [];
    const { mount, certainty } = place;
    const server = serverOf(mount) ?? mount.source;
    const isSilent = view.storage.ageMs(task) >= SILENT_MS;
    const where = kernelFunction(task, REMOTE) ?? task.wchan;
    return [
      waitFact(task, "fs.remote", `fs:${server}`, {
        certainty,
        cause: isSilent ? "fs.unresponsive" : view.storage.isLong(task) ? "storage.slow" : "process.busy",
        label: `${mount.mountPoint} (${server})`,
        object: server,
        evidence: {
          source: `/proc/${task.pid}/task/${task.tid}/stack`,
          observed: `in ${where}, for ${mount.type} ${mount.source} on ${mount.mountPoint}`,
        },
      }),
    ];
  },
};
