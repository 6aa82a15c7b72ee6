/*
 * What is gone when one looks: processes that came and went between two samples, and how they ended; who sent which
 * signal to whom; whom the kernel killed for memory. Told through one ring buffer; what it has no room for is counted.
 * The reader is src/kernel/bpf-lifecycle.ts: the record's layout stands there too.
 */
#include "kernel.h"
#include "pids.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

enum kind {
	EXIT = 1,
	SIGNAL = 2,
	OOM_VICTIM = 3,
};

struct lifecycle_record {
	u32 kind;
	/* Whom it is about. */
	u32 pid;
	/* Its parent; of a signal the sender, 0 where the kernel sent it. */
	u32 other;
	/* Of an exit as wait(2) has it; of a signal its number. */
	u32 code;
	u64 at_ns;
	u64 start_ns;
	char comm[COMM_BYTES];
	char other_comm[COMM_BYTES];
};

#define RING_BYTES (2 * 1024 * 1024)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
} records SEC(".maps");

/* Records that the ring had no room for. */
u64 lost = 0;

static __always_inline struct lifecycle_record *begin(u32 kind, struct task_struct *task)
{
	u32 pid = process_number(task);
	/* In no namespace that the reader sees. */
	if (!pid)
		return 0;
	struct lifecycle_record *record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	record->kind = kind;
	record->pid = pid;
	record->other = 0;
	record->code = 0;
	record->at_ns = bpf_ktime_get_boot_ns();
	record->start_ns = BPF_CORE_READ(leader, start_boottime);
	BPF_CORE_READ_INTO(&record->comm, leader, comm);
	__builtin_memset(record->other_comm, 0, COMM_BYTES);
	return record;
}

static __always_inline void tell_other(struct lifecycle_record *record, struct task_struct *task)
{
	record->other = process_number(task);
	BPF_CORE_READ_INTO(&record->other_comm, task, comm);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(exited, struct task_struct *task)
{
	/* Another thread of it lives on. */
	if (BPF_CORE_READ(task, signal, live.counter) > 0)
		return 0;
	struct lifecycle_record *record = begin(EXIT, task);
	if (!record)
		return 0;
	u32 of_group = BPF_CORE_READ(task, signal, group_exit_code);
	record->other = process_number(BPF_CORE_READ(task, real_parent));
	record->code = of_group ? of_group : task->exit_code;
	bpf_ringbuf_submit(record, 0);
	return 0;
}

static __always_inline int is_of_interest(int signal)
{
	/* HUP, INT, QUIT, ABRT, KILL, SEGV, TERM; CONT, STOP, TSTP, TTIN, TTOU: <asm-generic/signal.h> */
	const u32 asked = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9 | 1 << 11 | 1 << 15 | 0x1f << 18;
	return signal > 0 && signal < 32 && (asked >> signal & 1);
}

/* trace/events/signal.h: also what nobody handles, as SIGCONT mostly is. */
#define TRACE_SIGNAL_IGNORED 1
/* kernel/signal.c: the kernel itself, not a process, is the sender. */
#define SEND_SIG_PRIV 1

SEC("tp_btf/signal_generate")
int BPF_PROG(signalled, int signal, void *info, struct task_struct *target, int group, int result)
{
	if (result > TRACE_SIGNAL_IGNORED || !is_of_interest(signal))
		return 0;
	struct lifecycle_record *record = begin(SIGNAL, target);
	if (!record)
		return 0;
	record->code = signal;
	if ((unsigned long)info != SEND_SIG_PRIV)
		tell_other(record, bpf_get_current_task_btf());
	bpf_ringbuf_submit(record, 0);
	return 0;
}

/* Since Linux 6.10; before that the victim came as a number, and the reader leaves this program out. */
SEC("tp_btf/mark_victim")
int BPF_PROG(marked, struct task_struct *victim)
{
	struct lifecycle_record *record = begin(OOM_VICTIM, victim);
	if (!record)
		return 0;
	/* Who asked for memory that was not there. */
	tell_other(record, bpf_get_current_task_btf());
	bpf_ringbuf_submit(record, 0);
	return 0;
}
