/*
 * Every thread of the machine in one read: what /proc/PID/task/TID/{stat,schedstat} tell, a record each.
 * The reader is src/kernel/bpf-tasks.ts: the records' layout stands there too.
 */
#include "kernel.h"
#include "locks.h"
#include "pids.h"

char LICENSE[] SEC("license") = "GPL";

struct task_record {
	u32 tid;
	u32 pid;
	u32 ppid;
	u32 pgrp;
	u32 state;
	u32 exit_state;
	u32 flags;
	u32 tty;
	u64 start_ns;
	u64 ran_ns;
	u64 switches;
	u64 image[4];
	char comm[COMM_BYTES];
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} KERNEL;

static __always_inline u32 state_of(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return BPF_CORE_READ(task, __state);
	return BPF_CORE_READ((struct task_struct___old *)task, state);
}

/* What the threads of a process have in common is told of the main one alone. */
static __always_inline void tell_process(struct task_record *record, struct task_struct *task)
{
	struct signal_struct *signal = task->signal;
	record->ppid = number_in_namespace(BPF_CORE_READ(task, real_parent, group_leader, thread_pid));
	record->pgrp = number_in_namespace(BPF_CORE_READ(signal, pids[PGID]));
	struct tty_struct *tty = signal->tty;
	if (tty) {
		u32 minor = BPF_CORE_READ(tty, driver, minor_start) + tty->index;
		/* include/linux/kdev_t.h: new_encode_dev */
		record->tty = (minor & 0xff) | BPF_CORE_READ(tty, driver, major) << 8 | (minor & ~0xff) << 12;
	}
	struct mm_struct *mm = task->mm;
	if (mm) {
		record->image[0] = mm->start_code;
		record->image[1] = mm->start_stack;
		record->image[2] = mm->arg_start;
		record->image[3] = mm->arg_end;
	}
	__builtin_memcpy(record->comm, task->comm, COMM_BYTES);
}

SEC("iter/task")
int tasks(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	if (!task)
		return 0;
	struct task_record record = {};
	struct task_struct *leader = task->group_leader;
	record.tid = number_in_namespace(task->thread_pid);
	record.pid = leader == task ? record.tid : number_in_namespace(leader->thread_pid);
	record.state = state_of(task);
	record.exit_state = task->exit_state;
	record.flags = task->flags;
	record.start_ns = task->start_boottime;
	record.ran_ns = task->se.sum_exec_runtime;
	record.switches = task->sched_info.pcount;
	if (leader == task)
		tell_process(&record, task);
	bpf_seq_write(context->meta->seq, &record, sizeof(record));
	return 0;
}

/* A thread that waits for a kernel lock of which the kernel remembers who has it. */
struct blocker_record {
	u32 tid;
	u32 holder_tid;
	u32 holder_pid;
	/* enum lock_kind; of a lock for readers and writers kernel/hung_task.c tells 2 or 3. */
	u32 kind;
	/* Tells two locks apart, and nothing else. */
	u64 lock;
};

/* include/linux/hung_task.h */
#define KIND_BITS 3UL

SEC("iter/task")
int blockers(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct task_struct___blocker *blocked = (void *)task;
	if (!task || !bpf_core_field_exists(blocked->blocker))
		return 0;
	unsigned long blocker = BPF_CORE_READ(blocked, blocker);
	if (!blocker)
		return 0;
	u32 kind = blocker & KIND_BITS;
	struct blocker_record record = { .kind = kind > RWSEM ? RWSEM : kind };
	struct task_struct *holder = holder_of(blocker & ~KIND_BITS, record.kind);
	if (!holder)
		return 0;
	record.tid = number_in_namespace(task->thread_pid);
	record.holder_tid = number_in_namespace(BPF_CORE_READ(holder, thread_pid));
	record.holder_pid = process_number(holder);
	record.lock = blocker & ~KIND_BITS;
	bpf_seq_write(context->meta->seq, &record, sizeof(record));
	return 0;
}
