/* Locks of the kernel's that a thread sleeps for, of which the kernel remembers who has them. */
#ifndef XCTL_LOCKS_H
#define XCTL_LOCKS_H

#include "kernel.h"

enum lock_kind {
	MUTEX = 0,
	SEMAPHORE = 1,
	RWSEM = 2,
};

/* kernel/locking/mutex.h, rwsem.c: the owner's low bits are flags of the lock. */
#define OWNER_FLAGS 7UL
/* kernel/locking/rwsem.c: the owner is a reader, one of perhaps many, and may have let go since. */
#define READER_OWNED 1UL

static __always_inline struct task_struct *holder_of(unsigned long lock, enum lock_kind kind)
{
	unsigned long owner;
	if (kind == MUTEX)
		return (void *)(BPF_CORE_READ((struct mutex *)lock, owner.counter) & ~OWNER_FLAGS);
	if (kind == SEMAPHORE) {
		if (!bpf_core_field_exists(((struct semaphore *)0)->last_holder))
			return 0;
		return (void *)BPF_CORE_READ((struct semaphore *)lock, last_holder);
	}
	owner = BPF_CORE_READ((struct rw_semaphore *)lock, owner.counter);
	return owner & READER_OWNED ? 0 : (void *)(owner & ~OWNER_FLAGS);
}

#endif
