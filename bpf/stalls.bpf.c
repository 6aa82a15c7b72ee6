/*
 * Threads that slept long for a lock inside the kernel, and those that the kernel itself calls hung. Waits are frequent
 * and mostly short, so one is timed where its thread keeps a note of it, and told only when it was long.
 * The reader is src/kernel/bpf-stalls.ts: the record's layout stands there too.
 */
#include "kernel.h"
#include "locks.h"
#include "pids.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

#define TOLD_NS 100000000ULL

/* include/trace/events/lock.h */
#define FLAG_SPIN 1
#define FLAG_READ 2
#define FLAG_WRITE 4
#define FLAG_REALTIME 8
#define FLAG_PERCPU 16
#define FLAG_MUTEX 32

struct wait {
	u64 lock;
	u64 since_ns;
	u32 flags;
	/* Who had it when the wait began; 0 where the kernel does not know. */
	u32 holder_pid;
	u32 holder_tid;
	u32 unused;
};

/* Lives and dies with its thread. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct wait);
} waits SEC(".maps");

enum kind {
	LOCK_CONTENTION = 1,
	HUNG_TASK = 2,
};

struct stall_record {
	u32 kind;
	u32 pid;
	u32 tid;
	u32 flags;
	u32 holder_pid;
	u32 holder_tid;
	u64 start_ns;
	/* How long it waited; of a hung task it is not known. */
	u64 waited_ns;
	char comm[COMM_BYTES];
};

#define RING_BYTES (256 * 1024)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
} records SEC(".maps");

/* Records that the ring had no room for. */
u64 lost = 0;

static __always_inline struct task_struct *holder_by_flags(unsigned long lock, u32 flags)
{
	if (flags & FLAG_MUTEX)
		return holder_of(lock, MUTEX);
	if (flags & (FLAG_READ | FLAG_WRITE) && !(flags & (FLAG_REALTIME | FLAG_PERCPU)))
		return holder_of(lock, RWSEM);
	/* kernel/locking/semaphore.c gives no flags; the others have no owner that could be read. */
	return flags ? 0 : holder_of(lock, SEMAPHORE);
}

SEC("tp_btf/contention_begin")
int BPF_PROG(began, void *lock, unsigned int flags)
{
	/* Whoever spins does not sleep, and it is they that are many. */
	if (flags & FLAG_SPIN)
		return 0;
	struct wait *wait =
		bpf_task_storage_get(&waits, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	/* One that is woken in vain begins to wait again: that is the same wait. */
	if (!wait || wait->lock == (u64)lock)
		return 0;
	wait->lock = (u64)lock;
	wait->since_ns = bpf_ktime_get_ns();
	wait->flags = flags;
	struct task_struct *holder = holder_by_flags((unsigned long)lock, flags);
	wait->holder_pid = holder ? process_number(holder) : 0;
	wait->holder_tid = holder ? number_in_namespace(BPF_CORE_READ(holder, thread_pid)) : 0;
	return 0;
}

SEC("tp_btf/contention_end")
int BPF_PROG(ended, void *lock)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct wait *wait = bpf_task_storage_get(&waits, task, 0, 0);
	/* A lock that an interrupt spins for meanwhile is another. */
	if (!wait || wait->lock != (u64)lock)
		return 0;
	wait->lock = 0;
	u64 waited_ns = bpf_ktime_get_ns() - wait->since_ns;
	if (waited_ns < TOLD_NS)
		return 0;
	u32 pid = process_number(task);
	if (!pid)
		return 0;
	struct stall_record *record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	record->kind = LOCK_CONTENTION;
	record->pid = pid;
	record->tid = number_in_namespace(task->thread_pid);
	record->flags = wait->flags;
	record->holder_pid = wait->holder_pid;
	record->holder_tid = wait->holder_tid;
	record->start_ns = task->group_leader->start_boottime;
	record->waited_ns = waited_ns;
	__builtin_memcpy(record->comm, task->comm, COMM_BYTES);
	bpf_ringbuf_submit(record, 0);
	return 0;
}

/* kernel/hung_task.c: it has not run for longer than kernel.hung_task_timeout_secs. */
SEC("tp_btf/sched_process_hang")
int BPF_PROG(hung, struct task_struct *task)
{
	u32 pid = process_number(task);
	if (!pid)
		return 0;
	struct stall_record *record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	__builtin_memset(record, 0, sizeof(*record));
	record->kind = HUNG_TASK;
	record->pid = pid;
	record->tid = number_in_namespace(task->thread_pid);
	record->start_ns = task->group_leader->start_boottime;
	__builtin_memcpy(record->comm, task->comm, COMM_BYTES);
	bpf_ringbuf_submit(record, 0);
	return 0;
}
