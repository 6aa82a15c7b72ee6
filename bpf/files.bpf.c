/*
 * Who has which pipe or socket open, for every process of the machine: what a walk over /proc/PID/fd tells.
 * The reader is src/kernel/bpf-files.ts: the records' layouts stand there too.
 */
#include "kernel.h"
#include "pids.h"

char LICENSE[] SEC("license") = "GPL";

/* include/uapi/linux/magic.h */
#define PIPEFS_MAGIC 0x50495045
#define SOCKFS_MAGIC 0x534f434b

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

/* A thread that shares its files with the main one is left out by the kernel. */
SEC("iter/task_file")
int files(struct bpf_iter__task_file *context)
{
	struct task_struct *task = context->task;
	struct file *file = context->file;
	if (!task || !file)
		return 0;
	struct inode *inode = file->f_inode;
	unsigned long magic = BPF_CORE_READ(inode, i_sb, s_magic);
	if (magic != PIPEFS_MAGIC && magic != SOCKFS_MAGIC)
		return 0;
	struct file_record record = {
		.pid = process_number(task),
		.tid = number_in_namespace(task->thread_pid),
		.fd = context->fd,
		.kind = magic == PIPEFS_MAGIC ? PIPE : SOCKET,
		.inode = BPF_CORE_READ(inode, i_ino),
	};
	bpf_seq_write(context->meta->seq, &record, sizeof(record));
	return 0;
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
