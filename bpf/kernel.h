/*
 * The kernel's types, as far as the programs here read them. CO-RE finds each field where the running kernel has it, so
 * only names and types must be right, not places.
 */
#ifndef XCTL_KERNEL_H
#define XCTL_KERNEL_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

#define KERNEL __attribute__((preserve_access_index))
#define COMM_BYTES 16

struct ns_common {
	u32 inum;
} KERNEL;

struct pid_namespace {
	struct ns_common ns;
} KERNEL;

struct upid {
	int nr;
	struct pid_namespace *ns;
} KERNEL;

struct pid {
	u32 level;
	struct upid numbers[1];
} KERNEL;

struct mm_struct {
	unsigned long start_code;
	unsigned long start_stack;
	unsigned long arg_start;
	unsigned long arg_end;
} KERNEL;

struct tty_driver {
	int major;
	int minor_start;
} KERNEL;

struct tty_struct {
	int index;
	struct tty_driver *driver;
} KERNEL;

/* include/linux/pid_types.h: PIDTYPE_PGID */
#define PGID 2

typedef struct {
	int counter;
} KERNEL atomic_t;

struct signal_struct {
	/* Threads that have not begun to exit. */
	atomic_t live;
	/* Of a group that was told to exit, by exit_group(2) or a signal. */
	int group_exit_code;
	struct pid *pids[4];
	struct tty_struct *tty;
} KERNEL;

struct sched_info {
	unsigned long pcount;
} KERNEL;

struct sched_entity {
	u64 sum_exec_runtime;
} KERNEL;

struct task_struct {
	unsigned int __state;
	int exit_state;
	unsigned int flags;
	int pid;
	int tgid;
	int exit_code;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct signal_struct *signal;
	struct mm_struct *mm;
	struct pid *thread_pid;
	u64 start_boottime;
	struct sched_entity se;
	struct sched_info sched_info;
	char comm[COMM_BYTES];
} KERNEL;

/* Of before Linux 5.14, where the field had the plain name. */
struct task_struct___old {
	long state;
} KERNEL;

/* Linux 6.16 with CONFIG_DETECT_HUNG_TASK_BLOCKER: the lock it waits for, and in the low two bits which kind. */
struct task_struct___blocker {
	unsigned long blocker;
} KERNEL;

struct atomic_long {
	long counter;
} KERNEL;

struct mutex {
	struct atomic_long owner;
} KERNEL;

struct semaphore {
	unsigned long last_holder;
} KERNEL;

struct rw_semaphore {
	struct atomic_long owner;
} KERNEL;

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
} KERNEL;

#endif
