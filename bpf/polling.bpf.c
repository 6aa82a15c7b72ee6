/*
 * What threads that keep a CPU ask of the kernel: one that computes asks for nothing, one that spins for others looks
 * over and over whether something has come. Attached only while somebody wants to know it of a few threads.
 * The reader is src/kernel/bpf-polling.ts: the layout stands there too.
 */
#include "kernel.h"
#include "pids.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct counts {
	u64 calls;
	/* Of these, those that look whether something has come. */
	u64 polls;
};

#define MAX_WATCHED 1024

/* The reader puts in whom it wants to know of. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_WATCHED);
	__type(key, u32);
	__type(value, struct counts);
} watched SEC(".maps");

/* Libraries give up the CPU for their own process's threads too: that says nothing of other processes. */
#if defined(__TARGET_ARCH_x86)
#define SCHED_YIELD 24
#else
#define SCHED_YIELD 124
#endif

struct pt_regs;

static __always_inline u64 is_poll(long number)
{
	switch (number) {
#if defined(__TARGET_ARCH_x86)
	/* arch/x86/entry/syscalls/syscall_64.tbl */
	case 7: /* poll */
	case 23: /* select */
	case 232: /* epoll_wait */
	case 270: /* pselect6 */
	case 271: /* ppoll */
	case 281: /* epoll_pwait */
#else
	/* include/uapi/asm-generic/unistd.h */
	case 22: /* epoll_pwait */
	case 72: /* pselect6 */
	case 73: /* ppoll */
#endif
	case 441: /* epoll_pwait2 */
		return 1;
	default:
		return 0;
	}
}

SEC("tp_btf/sys_enter")
int BPF_PROG(entered, struct pt_regs *registers, long number)
{
	if (number == SCHED_YIELD)
		return 0;
	struct task_struct *task = bpf_get_current_task_btf();
	u32 tid = number_in_namespace(task->thread_pid);
	struct counts *counts = bpf_map_lookup_elem(&watched, &tid);
	if (!counts)
		return 0;
	counts->calls++;
	counts->polls += is_poll(number);
	return 0;
}
