/* The kernel's sockets, as far as the programs here read them, and the two ends of a connection. */
#ifndef XCTL_SOCKETS_H
#define XCTL_SOCKETS_H

#include "kernel.h"
#include <bpf/bpf_endian.h>

struct net {
	struct ns_common ns;
} KERNEL;

typedef struct {
	struct net *net;
} KERNEL possible_net_t;

struct in6_addr {
	u8 in6_u[16];
};

struct sock_common {
	u32 skc_daddr;
	u32 skc_rcv_saddr;
	u16 skc_dport;
	u16 skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
} KERNEL;

struct inode {
	unsigned long i_ino;
} KERNEL;

struct file {
	struct inode *f_inode;
} KERNEL;

struct socket {
	struct file *file;
} KERNEL;

struct hlist_node {
	struct hlist_node **pprev;
} KERNEL;

struct timer_list {
	struct hlist_node entry;
} KERNEL;

struct sock_backlog {
	atomic_t rmem_alloc;
} KERNEL;

struct sock {
	struct sock_common __sk_common;
	struct sock_backlog sk_backlog;
	struct socket *sk_socket;
	struct timer_list sk_timer;
	int sk_err;
	int sk_rcvbuf;
	u16 sk_protocol;
} KERNEL;

struct inet_sock {
	u16 inet_sport;
} KERNEL;

struct request_received {
	u32 lrcvtime;
} KERNEL;

struct inet_connection_sock {
	u32 icsk_rto;
	u8 icsk_retransmits;
	u8 icsk_pending;
	u8 icsk_backoff;
	u8 icsk_probes_out;
	struct request_received icsk_ack;
} KERNEL;

struct tcp_sock {
	u32 snd_una;
	u32 snd_nxt;
	u32 write_seq;
	u32 rcv_nxt;
	u32 copied_seq;
	u32 snd_wnd;
	u32 mss_cache;
	u32 packets_out;
	u32 lost_out;
	u32 lsndtime;
	u32 rcv_tstamp;
	u32 srtt_us;
	u32 snd_cwnd;
	u32 total_retrans;
	u32 segs_out;
	u32 dsack_dups;
	u64 bytes_acked;
	u64 bytes_received;
} KERNEL;

struct sk_buff {
	struct sock *sk;
	unsigned char *head;
	u16 network_header;
} KERNEL;

/* include/net/tcp_states.h */
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_TIME_WAIT 6
#define TCP_CLOSE 7
#define TCP_CLOSE_WAIT 8
#define TCP_LISTEN 10
#define TCP_NEW_SYN_RECV 12

#define AF_INET 2
#define AF_INET6 10
#define PROTOCOL_TCP 6
#define ADDRESS_BYTES 16

/* From the one to the other; an IPv4 address is written as IPv6 maps it, for a socket of IPv6 may speak IPv4. */
struct ends {
	u8 from[ADDRESS_BYTES];
	u8 to[ADDRESS_BYTES];
	u16 from_port;
	u16 to_port;
};

static __always_inline void map_ipv4(u8 *address, u32 ipv4)
{
	__builtin_memset(address, 0, 10);
	address[10] = 0xff;
	address[11] = 0xff;
	__builtin_memcpy(address + 12, &ipv4, sizeof(ipv4));
}

/* From here to there. False where it is no socket of TCP's kind, or not a whole one. */
static __always_inline int ends_of_socket(const struct sock *sk, struct ends *ends)
{
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (state == TCP_TIME_WAIT || state == TCP_NEW_SYN_RECV)
		return 0;
	/* The number in host order is taken from a socket that closes: __inet_put_port of net/ipv4/inet_hashtables.c. */
	ends->from_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	ends->to_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (family == AF_INET) {
		map_ipv4(ends->from, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
		map_ipv4(ends->to, BPF_CORE_READ(sk, __sk_common.skc_daddr));
		return 1;
	}
	if (family != AF_INET6)
		return 0;
	bpf_core_read(ends->from, ADDRESS_BYTES, &sk->__sk_common.skc_v6_rcv_saddr);
	bpf_core_read(ends->to, ADDRESS_BYTES, &sk->__sk_common.skc_v6_daddr);
	return 1;
}

#define IPV4_BYTES 20
#define IPV6_BYTES 40

/* As its headers say. False where it is no first fragment of TCP's. */
static __always_inline int ends_of_packet(struct sk_buff *skb, struct ends *ends)
{
	unsigned char *network = BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, network_header);
	u8 header[IPV6_BYTES];
	u32 length;
	if (bpf_probe_read_kernel(header, sizeof(header), network))
		return 0;
	if (header[0] >> 4 == 4) {
		/* RFC 791: any offset of a fragment but the first's. */
		if (header[9] != PROTOCOL_TCP || header[6] & 0x1f || header[7])
			return 0;
		length = (header[0] & 0xf) * 4;
		map_ipv4(ends->from, *(u32 *)(header + 12));
		map_ipv4(ends->to, *(u32 *)(header + 16));
	} else if (header[0] >> 4 == 6) {
		if (header[6] != PROTOCOL_TCP)
			return 0;
		length = IPV6_BYTES;
		__builtin_memcpy(ends->from, header + 8, ADDRESS_BYTES);
		__builtin_memcpy(ends->to, header + 24, ADDRESS_BYTES);
	} else {
		return 0;
	}
	u16 ports[2];
	if (length < IPV4_BYTES || bpf_probe_read_kernel(ports, sizeof(ports), network + length))
		return 0;
	ends->from_port = bpf_ntohs(ports[0]);
	ends->to_port = bpf_ntohs(ports[1]);
	return 1;
}

#endif
