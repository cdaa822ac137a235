//! Safe wrapper over DPDK: EAL, ports, queues, mempools, mbufs.
