/*
 * Who has which pipe, socket or file open, for every process of the machine: what a walk over /proc/PID/fd tells.
 * The reader is src/kernel/bpf-files.ts: the records' layouts stand there too.
 */
#include "kernel.h"
#include "pids.h"

char LICENSE[] SEC("license") = "GPL";

/* include/uapi/linux/magic.h */
#define PIPEFS_MAGIC 0x50495045
#define SOCKFS_MAGIC 0x534f434b
#define ANON_INODE_FS_MAGIC 0x09041934

struct super_block {
	unsigned long s_magic;
} KERNEL;

struct inode {
	struct super_block *i_sb;
	unsigned long i_ino;
} KERNEL;

struct file {
	struct inode *f_inode;
} KERNEL;

enum kind {
	PIPE = 1,
	SOCKET = 2,
	/* Whatever else has an inode of its own: regular files, folders, FIFOs, devices. */
	OTHER = 3,
};

struct file_record {
	u32 pid;
	u32 tid;
	u32 fd;
	u32 kind;
	u64 inode;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
} KERNEL;

static __always_inline u32 kind_of(unsigned long magic)
{
	switch (magic) {
	case PIPEFS_MAGIC:
		return PIPE;
	case SOCKFS_MAGIC:
		return SOCKET;
	/* One inode for all of them. */
	case ANON_INODE_FS_MAGIC:
		return 0;
	default:
		return OTHER;
	}
}

/* A thread that shares its files with the main one is left out by the kernel. */
static __always_inline int tell(struct bpf_iter__task_file *context, u32 is_other)
{
	struct task_struct *task = context->task;
	struct file *file = context->file;
	if (!task || !file)
		return 0;
	struct inode *inode = file->f_inode;
	u32 kind = kind_of(BPF_CORE_READ(inode, i_sb, s_magic));
	if (!kind || (kind == OTHER) != is_other)
		return 0;
	struct file_record record = {
		.pid = process_number(task),
		.tid = number_in_namespace(task->thread_pid),
		.fd = context->fd,
		.kind = kind,
		/* What fdinfo prints, whatever number stat makes of it. */
		.inode = BPF_CORE_READ(inode, i_ino),
	};
	bpf_seq_write(context->meta->seq, &record, sizeof(record));
	return 0;
}

SEC("iter/task_file")
int files(struct bpf_iter__task_file *context)
{
	return tell(context, 0);
}

SEC("iter/task_file")
int opened(struct bpf_iter__task_file *context)
{
	return tell(context, 1);
}

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} KERNEL;

/* Every process that is shown to us at all: of another nothing can be concluded from its absence above. */
SEC("iter/task")
int shown(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	if (!task || task->group_leader != task)
		return 0;
	u32 pid = number_in_namespace(task->thread_pid);
	bpf_seq_write(context->meta->seq, &pid, sizeof(pid));
	return 0;
}
