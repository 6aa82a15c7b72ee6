/** What xctl says of disks and file systems, in Chinese. */
import type { storageErrors as english } from "./en-storage.ts";

export const storageErrors: typeof english = {
  FS_FULL: (thing, who) => `文件系统 ${thing} 已满，${who} 在其中的写入都会失败。`,
  INODES_FULL: (thing, who) => `文件系统 ${thing} 没有空闲的 inode，${who} 无法在其中创建文件。`,
  FS_READ_ONLY: (thing, who) => `文件系统 ${thing} 出错后不再接受写入，${who} 在其中的写入都会失败。`,
  FS_ERROR: (thing, who) => `文件系统 ${thing} 出错，${who} 因此受阻。`,
  IO_ERROR: (thing, who) => `${who} 对 ${thing} 的请求失败：该设备报告输入/输出错误。`,
  RESET: (thing, who) => `${who} 在等待 ${thing}，该设备没有响应，正在被重置。`,
  CONTROLLER_DEAD: (thing, who) => `${who} 在等待 ${thing}，其控制器已失效。`,
  CONTROLLER_RESETTING: (thing, who) => `${who} 在等待 ${thing}，其控制器正在重置。`,
  SLOW: (thing, who) => `${who} 在等待 ${thing}，该设备响应缓慢。`,
  HUNG_TASK: (thing, who) => `${who} 在等待 ${thing}，内核自身对它的写入已挂起数分钟。`,
  DEGRADED: (thing, who) => `${who} 在等待 ${thing}，该阵列缺少磁盘。`,
  OVERHEATED: (thing, who) => `${who} 在等待 ${thing}，该设备温度过高。`,
};
