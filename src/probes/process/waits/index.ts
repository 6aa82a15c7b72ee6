/** The kinds of wait, the first that applies wins; the last one takes everything. A new kind is a file and a line. */
import { childWait } from "./child.ts";
import { cudaHelperWait, cudaSyncWait } from "./cuda.ts";
import { diskWait } from "./disk.ts";
import { eventLoopWait } from "./event-loop.ts";
import { fifoOpenWait } from "./fifo-open.ts";
import { fileLockWait } from "./filelock.ts";
import { fsFreezeWait } from "./fsfreeze.ts";
import { fuseServeWait, fuseWait } from "./fuse.ts";
import { futexWait } from "./futex.ts";
import { drmWait, nvidiaDriverWait } from "./gpu.ts";
import { inodeLockWait } from "./inode-lock.ts";
import { journalWait } from "./journal.ts";
import { kernelLockWait } from "./kernel-lock.ts";
import { kernelWait } from "./kernel.ts";
import { leaseWait } from "./lease.ts";
import { memoryWait } from "./memory.ts";
import { messageQueueWait } from "./mqueue.ts";
import { mmapLockWait } from "./mmap-lock.ts";
import { pidNamespaceWait } from "./pid-namespace.ts";
import { pipeWait } from "./pipe.ts";
import { ptyMasterWait } from "./pty-master.ts";
import { remoteFsWait } from "./remote-fs.ts";
import { signalWait } from "./signal.ts";
import { sleepWait } from "./sleep.ts";
import { sysvWait } from "./sysv-ipc.ts";
import { tcpWait } from "./tcp.ts";
import { terminalWait } from "./terminal.ts";
import { udpWait } from "./udp.ts";
import { unixSocketWait } from "./unix-socket.ts";
import { unseenWait } from "./unseen.ts";
import { wakeUpWait } from "./wake-up.ts";
import type { WaitResolver } from "./resolver.ts";

export const WAITS: readonly WaitResolver[] = [
  kernelLockWait,
  mmapLockWait,
  inodeLockWait,
  fuseServeWait,
  fuseWait,
  fsFreezeWait,
  remoteFsWait,
  nvidiaDriverWait,
  drmWait,
  journalWait,
  memoryWait,
  diskWait,
  pipeWait,
  unixSocketWait,
  tcpWait,
  udpWait,
  wakeUpWait,
  fifoOpenWait,
  messageQueueWait,
  sysvWait,
  terminalWait,
  ptyMasterWait,
  fileLockWait,
  leaseWait,
  pidNamespaceWait,
  childWait,
  cudaSyncWait,
  cudaHelperWait,
  futexWait,
  sleepWait,
  signalWait,
  eventLoopWait,
  unseenWait,
  kernelWait,
];
