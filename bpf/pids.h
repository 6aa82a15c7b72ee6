/* Processes by the numbers that they have for the reader. */
#ifndef XCTL_PIDS_H
#define XCTL_PIDS_H

#include "kernel.h"

/* The reader's pid namespace: pids are told as they are there. */
const volatile u32 pid_namespace = 0;

#define MAX_LEVEL 32

static __always_inline u32 number_in_namespace(struct pid *pid)
{
	if (!pid)
		return 0;
	u32 level = BPF_CORE_READ(pid, level);
	for (u32 at = 0; at < MAX_LEVEL; at++) {
		if (at > level)
			break;
		struct upid number;
		/* The array has as many as there are levels, though it is declared with one. */
		void *place = (void *)&pid->numbers[0] + at * bpf_core_type_size(struct upid);
		if (bpf_probe_read_kernel(&number, sizeof(number), place))
			return 0;
		struct upid *entry = place;
		struct pid_namespace *ns = BPF_CORE_READ(entry, ns);
		if (BPF_CORE_READ(ns, ns.inum) == pid_namespace)
			return BPF_CORE_READ(entry, nr);
	}
	return 0;
}

/* The process that the thread belongs to. */
static __always_inline u32 process_number(struct task_struct *task)
{
	return number_in_namespace(BPF_CORE_READ(task, group_leader, thread_pid));
}

#endif
