/*
 * How long disks really take: from when a request is given to the driver until it is answered, by disk and by who asked
 * for it; and which requests failed. Added up here, and read and begun anew by the iterators below.
 * The reader is src/kernel/bpf-block.ts: the records' layouts stand there too.
 */
#include "kernel.h"
#include "pids.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct gendisk {
	int major;
	int first_minor;
} KERNEL;

struct request_queue {
	struct gendisk *disk;
} KERNEL;

struct request {
	struct request_queue *q;
	u32 cmd_flags;
	u32 rq_flags;
	u32 __data_len;
	u64 __sector;
} KERNEL;

/* Of before Linux 5.17. */
struct request___old {
	struct gendisk *rq_disk;
} KERNEL;

/* include/linux/blk_types.h: the operation is in the low bits. */
#define OPERATION_BITS 0xff
#define OPERATION_READ 0
#define OPERATION_DRIVER 34
/* include/linux/blkdev.h */
#define PF_KTHREAD 0x00200000

struct asked {
	u64 issued_ns;
	u64 start_ns;
	u32 pid;
	u32 bytes;
};

/* Requests on their way. One that is never answered is pushed out by others. */
#define MAX_REQUESTS 16384

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_REQUESTS);
	__type(key, u64);
	__type(value, struct asked);
} requests SEC(".maps");

#define BUCKETS 32

struct latency {
	u64 count;
	u64 sum_ns;
	u64 max_ns;
	/* By the highest bit of the microseconds. */
	u32 buckets[BUCKETS];
};

#define MAX_DISKS 1024

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_DISKS);
	__type(key, u32);
	__type(value, struct latency);
} disks SEC(".maps");

struct use_key {
	u32 pid;
	u32 device;
	u64 start_ns;
};

struct use {
	u64 count;
	u64 bytes;
	u64 sum_ns;
	u64 max_ns;
};

#define MAX_USES 8192

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_USES);
	__type(key, struct use_key);
	__type(value, struct use);
} uses SEC(".maps");

struct failure_record {
	u32 device;
	/* 0 where nobody asked but the kernel itself. */
	u32 pid;
	/* blk_status_t: include/linux/blk_types.h */
	u32 status;
	u32 flags;
	u64 sector;
	u64 start_ns;
	u32 bytes;
	u32 unused;
};

#define RING_BYTES (64 * 1024)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
} records SEC(".maps");

/* Records that the ring had no room for. */
u64 lost = 0;

/* A kernel thread asks for nobody that could be named. */
static __always_inline void tell_asker(struct asked *asked)
{
	struct task_struct *task = bpf_get_current_task_btf();
	if (task->flags & PF_KTHREAD)
		return;
	asked->pid = process_number(task);
	asked->start_ns = task->group_leader->start_boottime;
}

/* In the process that asks, before the request may wait for others; since Linux 6.5. */
SEC("tp_btf/block_io_start")
int BPF_PROG(asked_for, struct request *request)
{
	struct asked asked = {};
	u64 key = (u64)request;
	tell_asker(&asked);
	bpf_map_update_elem(&requests, &key, &asked, BPF_ANY);
	return 0;
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(issued, struct request *request)
{
	u64 key = (u64)request;
	struct asked *known = bpf_map_lookup_elem(&requests, &key);
	if (known) {
		known->issued_ns = bpf_ktime_get_ns();
		known->bytes = BPF_CORE_READ(request, __data_len);
		return 0;
	}
	struct asked asked = { .issued_ns = bpf_ktime_get_ns(), .bytes = BPF_CORE_READ(request, __data_len) };
	tell_asker(&asked);
	bpf_map_update_elem(&requests, &key, &asked, BPF_ANY);
	return 0;
}

/* include/linux/kdev_t.h: MKDEV */
static __always_inline u32 device_of(struct request *request)
{
	struct gendisk *disk = bpf_core_field_exists(((struct request_queue *)0)->disk) ?
				       BPF_CORE_READ(request, q, disk) :
				       BPF_CORE_READ((struct request___old *)request, rq_disk);
	return disk ? BPF_CORE_READ(disk, major) << 20 | BPF_CORE_READ(disk, first_minor) : 0;
}

static __always_inline u32 bucket_of(u64 ns)
{
	u64 us = ns / 1000;
	u32 bucket = 0;
	for (u32 at = 0; at < BUCKETS - 1; at++) {
		us >>= 1;
		if (!us)
			break;
		bucket++;
	}
	return bucket & (BUCKETS - 1);
}

static __always_inline void add_latency(u32 device, u64 ns)
{
	struct latency *latency = bpf_map_lookup_elem(&disks, &device);
	if (!latency) {
		struct latency none = {};
		bpf_map_update_elem(&disks, &device, &none, BPF_NOEXIST);
		latency = bpf_map_lookup_elem(&disks, &device);
		if (!latency)
			return;
	}
	__sync_fetch_and_add(&latency->count, 1);
	__sync_fetch_and_add(&latency->sum_ns, ns);
	__sync_fetch_and_add(&latency->buckets[bucket_of(ns)], 1);
	if (ns > latency->max_ns)
		latency->max_ns = ns;
}

static __always_inline void add_use(u32 device, struct asked *asked, u64 ns)
{
	struct use_key key = { .pid = asked->pid, .device = device, .start_ns = asked->start_ns };
	struct use *use = bpf_map_lookup_elem(&uses, &key);
	if (!use) {
		struct use first = { .count = 1, .bytes = asked->bytes, .sum_ns = ns, .max_ns = ns };
		bpf_map_update_elem(&uses, &key, &first, BPF_ANY);
		return;
	}
	__sync_fetch_and_add(&use->count, 1);
	__sync_fetch_and_add(&use->bytes, asked->bytes);
	__sync_fetch_and_add(&use->sum_ns, ns);
	if (ns > use->max_ns)
		use->max_ns = ns;
}

static __always_inline void tell_failure(struct request *request, u32 device, struct asked *asked, u32 status)
{
	u32 flags = BPF_CORE_READ(request, cmd_flags);
	/* What a program sent to the driver itself is its own matter. */
	if ((flags & OPERATION_BITS) >= OPERATION_DRIVER)
		return;
	struct failure_record *record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record) {
		__sync_fetch_and_add(&lost, 1);
		return;
	}
	record->device = device;
	record->pid = asked->pid;
	record->status = status;
	record->flags = flags;
	record->sector = BPF_CORE_READ(request, __sector);
	record->start_ns = asked->start_ns;
	record->bytes = asked->bytes;
	record->unused = 0;
	bpf_ringbuf_submit(record, 0);
}

/* Once for each part that is answered; the rest follows. */
SEC("tp_btf/block_rq_complete")
int BPF_PROG(answered, struct request *request, u32 status, unsigned int bytes)
{
	u64 key = (u64)request;
	struct asked *known = bpf_map_lookup_elem(&requests, &key);
	if (!known || !known->issued_ns)
		return 0;
	/* It may be pushed out while it is read. */
	struct asked asked = *known;
	u64 ns = bpf_ktime_get_ns() - asked.issued_ns;
	u32 device = device_of(request);
	if ((u8)status)
		tell_failure(request, device, &asked, (u8)status);
	if (bytes < BPF_CORE_READ(request, __data_len))
		return 0;
	bpf_map_delete_elem(&requests, &key);
	if (!device)
		return 0;
	add_latency(device, ns);
	if (asked.pid)
		add_use(device, &asked, ns);
	return 0;
}

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	void *map;
	void *key;
	void *value;
} KERNEL;

struct disk_record {
	u32 device;
	u32 unused;
	struct latency latency;
};

/* What comes between the reading and the new beginning is lost to the figures: a request in a million. */
SEC("iter/bpf_map_elem")
int read_disks(struct bpf_iter__bpf_map_elem *context)
{
	u32 *device = context->key;
	struct latency *latency = context->value;
	if (!device || !latency || !latency->count)
		return 0;
	struct disk_record record = { .device = *device };
	record.latency = *latency;
	if (bpf_seq_write(context->meta->seq, &record, sizeof(record)) == 0)
		*latency = (struct latency){};
	return 0;
}

struct use_record {
	struct use_key key;
	struct use use;
};

SEC("iter/bpf_map_elem")
int read_uses(struct bpf_iter__bpf_map_elem *context)
{
	struct use_key *key = context->key;
	struct use *use = context->value;
	if (!key || !use || !use->count)
		return 0;
	struct use_record record = { .key = *key, .use = *use };
	if (bpf_seq_write(context->meta->seq, &record, sizeof(record)) == 0)
		*use = (struct use){};
	return 0;
}
