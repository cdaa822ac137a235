/* What the Rust side sees of DPDK.
 *
 * Three kinds of things live here, all because their C form moves between DPDK releases while ours must not:
 *   - functions over static inlines and over structs whose members come and go (device info, configuration),
 *   - offsets of the few mbuf members that the hot path touches (the struct's anonymous unions differ by release),
 *   - constants that are function-like macros in C and so invisible to bindgen.
 */
#ifndef HUB_DPDK_SHIM_H
#define HUB_DPDK_SHIM_H

#include <stddef.h>
#include <stdint.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_version.h>
#include <rte_dev.h>
#include <rte_cycles.h>
#include <rte_log.h>

/* Offsets into struct rte_mbuf, in octets. */
enum hub_mbuf_offset {
	HUB_MBUF_BUF_ADDR = offsetof(struct rte_mbuf, buf_addr),
	HUB_MBUF_DATA_OFF = offsetof(struct rte_mbuf, data_off),
	HUB_MBUF_NB_SEGS = offsetof(struct rte_mbuf, nb_segs),
	HUB_MBUF_OL_FLAGS = offsetof(struct rte_mbuf, ol_flags),
	HUB_MBUF_PKT_LEN = offsetof(struct rte_mbuf, pkt_len),
	HUB_MBUF_DATA_LEN = offsetof(struct rte_mbuf, data_len),
	HUB_MBUF_BUF_LEN = offsetof(struct rte_mbuf, buf_len),
	HUB_MBUF_TX_OFFLOAD = offsetof(struct rte_mbuf, tx_offload),
};

enum hub_const {
	HUB_HEADROOM = RTE_PKTMBUF_HEADROOM,
	HUB_XSTAT_NAME = RTE_ETH_XSTATS_NAME_SIZE,
	HUB_PORTS = RTE_MAX_ETHPORTS,
};

/* Members of struct rte_eth_dev_info that the hub decides by. */
struct hub_port_info {
	char driver[32];
	int32_t socket;
	uint16_t min_mtu;
	uint16_t max_mtu;
	uint32_t max_rx_frame;
	uint16_t max_rx_queues;
	uint16_t max_tx_queues;
	uint16_t rx_desc_min;
	uint16_t rx_desc_max;
	uint16_t tx_desc_min;
	uint16_t tx_desc_max;
	/* Whether RSS can hash what is not TCP or UDP by its IP addresses: GRE and ESP need that. */
	uint8_t rss_ip;
	uint8_t fast_free;
	uint8_t link_interrupt;
};

/* How a port is to be set up. */
struct hub_port_conf {
	uint16_t rx_queues;
	uint16_t tx_queues;
	uint16_t rx_desc;
	uint16_t tx_desc;
	uint16_t mtu;
	uint8_t rss_ip;
	uint8_t fast_free;
};

struct hub_link {
	/* Mbit/s; UINT32_MAX: unknown. */
	uint32_t speed;
	uint8_t up;
	uint8_t full_duplex;
};

/* Functions answer 0 or a negative errno unless said otherwise. */
int hub_errno(void);
int hub_port_info(uint16_t port, struct hub_port_info *out);
int hub_port_configure(uint16_t port, const struct hub_port_conf *conf);
/* Sets up a queue; received packets come in buffers of `pool`. */
int hub_port_rx_queue(uint16_t port, uint16_t queue, const struct hub_port_conf *conf, struct rte_mempool *pool);
int hub_port_tx_queue(uint16_t port, uint16_t queue, const struct hub_port_conf *conf);
int hub_port_link(uint16_t port, struct hub_link *out);
int hub_port_mac(uint16_t port, uint8_t mac[6]);
int hub_port_set_mac(uint16_t port, const uint8_t mac[6]);
/* Port of a device by its name (`0000:03:00.0`, `net_null0`). */
int hub_port_by_name(const char *name, uint16_t *port);
/* Closes the port and detaches its device. */
int hub_port_detach(uint16_t port);

struct rte_mbuf *hub_mbuf_alloc(struct rte_mempool *pool);
int hub_mbuf_alloc_bulk(struct rte_mempool *pool, struct rte_mbuf **out, unsigned int n);
void hub_mbuf_free(struct rte_mbuf *mbuf);
/* Makes one segment of a chain; negative when the first buffer is too small. */
int hub_mbuf_linearize(struct rte_mbuf *mbuf);
uint64_t hub_tsc(void);
unsigned int hub_lcore_id(void);

#endif
