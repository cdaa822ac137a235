#include "shim.h"

#include <errno.h>
#include <string.h>

int hub_errno(void)
{
	return rte_errno;
}

/* Hash types under which a packet that is neither TCP nor UDP is spread by its addresses. */
#define HUB_RSS_IP (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER)

int hub_port_info(uint16_t port, struct hub_port_info *out)
{
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get(port, &info);

	if (ret != 0)
		return ret;
	memset(out, 0, sizeof(*out));
	if (info.driver_name != NULL)
		strncpy(out->driver, info.driver_name, sizeof(out->driver) - 1);
	out->socket = rte_eth_dev_socket_id(port);
	out->min_mtu = info.min_mtu;
	out->max_mtu = info.max_mtu;
	out->max_rx_frame = info.max_rx_pktlen;
	out->max_rx_queues = info.max_rx_queues;
	out->max_tx_queues = info.max_tx_queues;
	out->rx_desc_min = info.rx_desc_lim.nb_min;
	out->rx_desc_max = info.rx_desc_lim.nb_max;
	out->tx_desc_min = info.tx_desc_lim.nb_min;
	out->tx_desc_max = info.tx_desc_lim.nb_max;
	out->rss_ip = (info.flow_type_rss_offloads & HUB_RSS_IP) != 0;
	out->fast_free = (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) != 0;
	out->link_interrupt = info.dev_flags != NULL && (*info.dev_flags & RTE_ETH_DEV_INTR_LSC) != 0;
	return 0;
}

int hub_port_configure(uint16_t port, const struct hub_port_conf *conf)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf eth;
	int ret = rte_eth_dev_info_get(port, &info);

	if (ret != 0)
		return ret;
	memset(&eth, 0, sizeof(eth));
	eth.rxmode.mtu = conf->mtu;
	if (conf->rss_ip) {
		eth.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		/* TCP and UDP hash types stay out: fragments and whole packets of a flow must meet in one queue. */
		eth.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads & HUB_RSS_IP;
	}
	if (conf->fast_free)
		eth.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	return rte_eth_dev_configure(port, conf->rx_queues, conf->tx_queues, &eth);
}

int hub_port_rx_queue(uint16_t port, uint16_t queue, const struct hub_port_conf *conf, struct rte_mempool *pool)
{
	struct rte_eth_dev_info info;
	struct rte_eth_rxconf rx;
	int ret = rte_eth_dev_info_get(port, &info);

	if (ret != 0)
		return ret;
	rx = info.default_rxconf;
	/* In no case SCATTER: a packet is one segment, or the hub's stages would see only its beginning. */
	rx.offloads = 0;
	return rte_eth_rx_queue_setup(port, queue, conf->rx_desc, rte_eth_dev_socket_id(port), &rx, pool);
}

int hub_port_tx_queue(uint16_t port, uint16_t queue, const struct hub_port_conf *conf)
{
	struct rte_eth_dev_info info;
	struct rte_eth_txconf tx;
	int ret = rte_eth_dev_info_get(port, &info);

	if (ret != 0)
		return ret;
	tx = info.default_txconf;
	tx.offloads = conf->fast_free ? info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE : 0;
	return rte_eth_tx_queue_setup(port, queue, conf->tx_desc, rte_eth_dev_socket_id(port), &tx);
}

int hub_port_link(uint16_t port, struct hub_link *out)
{
	struct rte_eth_link link;
	int ret;

	memset(&link, 0, sizeof(link));
	ret = rte_eth_link_get_nowait(port, &link);
	if (ret != 0)
		return ret;
	out->speed = link.link_speed;
	out->up = link.link_status == RTE_ETH_LINK_UP;
	out->full_duplex = link.link_duplex == RTE_ETH_LINK_FULL_DUPLEX;
	return 0;
}

int hub_port_mac(uint16_t port, uint8_t mac[6])
{
	struct rte_ether_addr addr;
	int ret = rte_eth_macaddr_get(port, &addr);

	if (ret == 0)
		memcpy(mac, addr.addr_bytes, 6);
	return ret;
}

int hub_port_set_mac(uint16_t port, const uint8_t mac[6])
{
	struct rte_ether_addr addr;

	memcpy(addr.addr_bytes, mac, 6);
	return rte_eth_dev_default_mac_addr_set(port, &addr);
}

int hub_port_by_name(const char *name, uint16_t *port)
{
	return rte_eth_dev_get_port_by_name(name, port);
}

int hub_port_detach(uint16_t port)
{
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get(port, &info);
	struct rte_device *device = ret == 0 ? info.device : NULL;

	ret = rte_eth_dev_close(port);
	if (ret == 0 && device != NULL)
		ret = rte_dev_remove(device);
	return ret;
}

struct rte_mbuf *hub_mbuf_alloc(struct rte_mempool *pool)
{
	return rte_pktmbuf_alloc(pool);
}

int hub_mbuf_alloc_bulk(struct rte_mempool *pool, struct rte_mbuf **out, unsigned int n)
{
	return rte_pktmbuf_alloc_bulk(pool, out, n);
}

void hub_mbuf_free(struct rte_mbuf *mbuf)
{
	rte_pktmbuf_free(mbuf);
}

int hub_mbuf_linearize(struct rte_mbuf *mbuf)
{
	return rte_pktmbuf_linearize(mbuf);
}

uint64_t hub_tsc(void)
{
	return rte_rdtsc();
}

unsigned int hub_lcore_id(void)
{
	return rte_lcore_id();
}
