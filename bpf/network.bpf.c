/*
 * TCP as the kernel sees it, in every network namespace: whose each connection is, how it stands, which packets of it
 * were thrown away and why, and how it ended. A socket remembers who connected it, and of each its inode is told, so
 * nothing is put to whoever happens to run when a packet comes. No program runs for a packet that arrives well, nor for
 * a call that sends or receives. The reader is src/kernel/bpf-network.ts: the records' layouts stand there too.
 */
#include "sockets.h"
#include "pids.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

/* The reasons for a drop that are told, by number: what each means is the running kernel's own. */
#define MAX_REASONS 256
const volatile u8 told_reasons[MAX_REASONS] = {};

/* Lives and dies with its socket. */
struct note {
	u64 id;
	/* What was acknowledged and received when it was told last. */
	u64 told_bytes;
	/* Who connected or closed it, where that was seen. */
	u32 pid;
	u32 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct note);
} sockets SEC(".maps");

struct drop {
	u32 count;
	/* The last one's. */
	u32 reason;
	u64 at_ns;
};

#define MAX_DROPS 4096

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_DROPS);
	__type(key, struct ends);
	__type(value, struct drop);
} drops SEC(".maps");

enum kind {
	RESET_RECEIVED = 1,
	RESET_SENT = 2,
	GIVEN_UP = 3,
};

struct end_record {
	u32 kind;
	u32 pid;
	/* Of a reset that was sent the kernel's reason, of one given up the error number. */
	u32 reason;
	u32 retransmitted;
	struct ends ends;
	u32 inode;
};

#define RING_BYTES (256 * 1024)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
} records SEC(".maps");

/* Records that the ring had no room for. */
u64 lost = 0;
u64 last_id = 0;

static __always_inline struct note *note_of(struct sock *sk)
{
	struct note *note = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (note && !note->id)
		note->id = __sync_fetch_and_add(&last_id, 1) + 1;
	return note;
}

/* By the process that runs: only for where that is the one that uses it. */
static __always_inline void remember_user(struct sock *sk)
{
	struct note *note = note_of(sk);
	if (note)
		note->pid = process_number(bpf_get_current_task_btf());
}

/* One that was made before we began is noticed when it is in trouble. */
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(retransmitted, struct sock *sk)
{
	note_of(sk);
	return 0;
}

static __always_inline void tell_end(u32 kind, struct sock *sk, u32 reason)
{
	struct ends ends = {};
	if (!ends_of_socket(sk, &ends))
		return;
	struct end_record *record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record) {
		__sync_fetch_and_add(&lost, 1);
		return;
	}
	struct note *note = bpf_sk_storage_get(&sockets, sk, 0, 0);
	record->kind = kind;
	record->pid = note ? note->pid : 0;
	record->reason = reason;
	record->retransmitted = BPF_CORE_READ((struct tcp_sock *)sk, total_retrans);
	record->ends = ends;
	record->inode = BPF_CORE_READ(sk, sk_socket, file, f_inode, i_ino);
	bpf_ringbuf_submit(record, 0);
}

static __always_inline int is_open(int state)
{
	return state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT;
}

/* Of one that is closed already, or not made yet, it is an answer like another. */
SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(reset_received, struct sock *sk)
{
	if (is_open(sk->__sk_common.skc_state))
		tell_end(RESET_RECEIVED, sk, 0);
	return 0;
}

/* Since Linux 6.10 with its reason. To whom no socket belongs it is an answer like another. */
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(reset_sent, struct sock *sk, void *skb, u32 reason)
{
	if (!sk)
		return 0;
	u8 state = sk->__sk_common.skc_state;
	/* By close(2) with unread data: whoever runs is whose it was. */
	if (state == TCP_CLOSE)
		remember_user(sk);
	if (is_open(state) || state == TCP_CLOSE)
		tell_end(RESET_SENT, sk, reason);
	return 0;
}

/* asm-generic/errno.h */
#define ENETUNREACH 101
#define ETIMEDOUT 110
#define EHOSTUNREACH 113

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(state_changed, struct sock *sk, int before, int now)
{
	if (sk->sk_protocol != PROTOCOL_TCP)
		return 0;
	/* By connect(2): whoever runs is whose it is. */
	if (now == TCP_SYN_SENT)
		remember_user(sk);
	/* Of one that was accepted, the reader finds out by its inode whose it is. */
	else if (now == TCP_ESTABLISHED)
		note_of(sk);
	int error = sk->sk_err;
	/* tcp_write_err of net/ipv4/tcp_timer.c */
	if (now == TCP_CLOSE && (error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH))
		tell_end(GIVEN_UP, sk, error);
	return 0;
}

/* Since Linux 5.17 with its reason. What was used up comes by another tracepoint. */
SEC("tp_btf/kfree_skb")
int BPF_PROG(dropped, struct sk_buff *skb, void *location, u64 reason)
{
	if (reason >= MAX_REASONS || !told_reasons[reason])
		return 0;
	struct ends ends = {};
	if (!ends_of_packet(skb, &ends)) {
		/* Of one that is not finished yet the socket knows. */
		struct sock *sk = BPF_CORE_READ(skb, sk);
		if (!sk || BPF_CORE_READ(sk, sk_protocol) != PROTOCOL_TCP || !ends_of_socket(sk, &ends))
			return 0;
	}
	u64 at_ns = bpf_ktime_get_ns();
	struct drop *known = bpf_map_lookup_elem(&drops, &ends);
	if (known) {
		__sync_fetch_and_add(&known->count, 1);
		known->reason = reason;
		known->at_ns = at_ns;
		return 0;
	}
	struct drop first = { .count = 1, .reason = reason, .at_ns = at_ns };
	bpf_map_update_elem(&drops, &ends, &first, BPF_ANY);
	return 0;
}

struct connection_record {
	u64 id;
	u64 bytes_acked;
	u64 bytes_received;
	u64 jiffies;
	u64 at_ns;
	struct ends ends;
	u32 netns;
	u32 pid;
	u32 inode;
	u8 state;
	u8 timer;
	u8 retransmits;
	u8 probes;
	u8 backoff;
	u8 unused[3];
	/* Times are in jiffies, and ago. */
	u32 rto;
	u32 sent;
	u32 received;
	u32 acknowledged;
	u32 rtt_us;
	u32 mss;
	u32 unacked;
	u32 lost;
	u32 congestion_window;
	u32 retransmitted;
	u32 segments_sent;
	u32 needless;
	u32 unsent;
	u32 send_window;
	u32 rx_queue;
	u32 tx_queue;
	u32 receive_bytes;
	u32 receive_limit;
	/* Packets from here, and to here. */
	u32 dropped[2];
	u32 drop_reasons[2];
};

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	void *map;
	struct sock *sk;
	void *value;
} KERNEL;

/* include/net/inet_connection_sock.h */
#define TIMER_RETRANSMIT 1
#define TIMER_PROBE 3
#define TIMER_LOSS_PROBE 5
#define TIMER_REORDERING 6

/* As sock_diag(7) tells it: inet_diag_msg_common_fill and tcp_diag_get_info. */
static __always_inline u8 timer_of(struct sock *sk)
{
	u8 pending = BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_pending);
	if (pending == TIMER_RETRANSMIT || pending == TIMER_LOSS_PROBE || pending == TIMER_REORDERING)
		return 1;
	if (pending == TIMER_PROBE)
		return 4;
	return bpf_core_field_exists(sk->sk_timer) && BPF_CORE_READ(sk, sk_timer.entry.pprev) ? 2 : 0;
}

#define RECENT_NS 10000000000ULL

static __always_inline int add_drops(struct connection_record *record, struct ends *ends, u32 way)
{
	struct drop *drop = bpf_map_lookup_elem(&drops, ends);
	/* Another connection may have had these ends. */
	if (!drop || record->at_ns > drop->at_ns + RECENT_NS)
		return 0;
	record->dropped[way] = drop->count;
	record->drop_reasons[way] = drop->reason;
	return 1;
}

/* Every connection that was made, or sent something again, since we began and over which something went or waits. */
SEC("iter/bpf_sk_storage_map")
int connections(struct bpf_iter__bpf_sk_storage_map *context)
{
	struct sock *sk = context->sk;
	struct note *note = context->value;
	if (!sk || !note)
		return 0;
	struct connection_record record = {};
	record.state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (record.state == TCP_LISTEN || record.state == TCP_CLOSE || !ends_of_socket(sk, &record.ends))
		return 0;

	struct inet_connection_sock *connection = (void *)sk;
	struct tcp_sock *tcp = (void *)sk;
	u32 acknowledged_to = BPF_CORE_READ(tcp, snd_una);
	u32 sent_to = BPF_CORE_READ(tcp, snd_nxt);
	u32 written_to = BPF_CORE_READ(tcp, write_seq);
	record.at_ns = bpf_ktime_get_ns();
	record.bytes_acked = BPF_CORE_READ(tcp, bytes_acked);
	record.bytes_received = BPF_CORE_READ(tcp, bytes_received);
	record.tx_queue = written_to - acknowledged_to;
	record.rx_queue = BPF_CORE_READ(tcp, rcv_nxt) - BPF_CORE_READ(tcp, copied_seq);
	record.probes = BPF_CORE_READ(connection, icsk_probes_out);
	struct ends back = {};
	__builtin_memcpy(back.from, record.ends.to, ADDRESS_BYTES);
	__builtin_memcpy(back.to, record.ends.from, ADDRESS_BYTES);
	back.from_port = record.ends.to_port;
	back.to_port = record.ends.from_port;
	int lost_some = add_drops(&record, &record.ends, 0) | add_drops(&record, &back, 1);
	u64 bytes = record.bytes_acked + record.bytes_received;
	if (!lost_some && bytes == note->told_bytes && !record.tx_queue && !record.rx_queue && !record.probes)
		return 0;

	record.id = note->id;
	record.pid = note->pid;
	record.jiffies = bpf_jiffies64();
	record.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	record.inode = BPF_CORE_READ(sk, sk_socket, file, f_inode, i_ino);
	record.timer = timer_of(sk);
	record.retransmits = BPF_CORE_READ(connection, icsk_retransmits);
	record.backoff = BPF_CORE_READ(connection, icsk_backoff);
	record.rto = BPF_CORE_READ(connection, icsk_rto);
	record.sent = (u32)record.jiffies - BPF_CORE_READ(tcp, lsndtime);
	record.received = (u32)record.jiffies - BPF_CORE_READ(connection, icsk_ack.lrcvtime);
	record.acknowledged = (u32)record.jiffies - BPF_CORE_READ(tcp, rcv_tstamp);
	/* It is kept eight times as large. */
	record.rtt_us = BPF_CORE_READ(tcp, srtt_us) >> 3;
	record.mss = BPF_CORE_READ(tcp, mss_cache);
	record.unacked = BPF_CORE_READ(tcp, packets_out);
	record.lost = BPF_CORE_READ(tcp, lost_out);
	record.congestion_window = BPF_CORE_READ(tcp, snd_cwnd);
	record.retransmitted = BPF_CORE_READ(tcp, total_retrans);
	record.segments_sent = BPF_CORE_READ(tcp, segs_out);
	record.needless = BPF_CORE_READ(tcp, dsack_dups);
	record.unsent = written_to - sent_to;
	record.send_window = BPF_CORE_READ(tcp, snd_wnd);
	record.receive_bytes = BPF_CORE_READ(sk, sk_backlog.rmem_alloc.counter);
	record.receive_limit = BPF_CORE_READ(sk, sk_rcvbuf);
	/* What had no room is asked for again. */
	if (bpf_seq_write(context->meta->seq, &record, sizeof(record)) == 0)
		note->told_bytes = bytes;
	return 0;
}
