/** What statfs(2) and stat(2) say: how full a file system is, how far a file has got.. */

/** statfs(2). */
export interface FileSystemUse {
  blockBytes: number;
  blocks: number;
  freeBlocks: number;
  /** Without those kept back for root: what anybody may still write. */
  availableBlocks: number;
  /** 0 where the type makes them as needed (btrfs, vfat). */
  inodes: number;
  freeInodes: number;
}

/** stat(2). */
export interface FileState {
  sizeBytes: number;
  /** Milliseconds since the Unix epoch. */
  modifiedMs: number;
  device: number;
  inode: number;
}
