/**
 * Modules for kubelet and pods that the node's own kernel does not ask for at their first use: they are built in there,
 * so these are for kernels that have them as modules, or a program expects to find them. What it does ask for is in
 * `os/kernel/requests.yaml`. Modules missing from the image are skipped.
 */
export const PROFILES: Readonly<Record<string, readonly string[]>> = {
  /** Modules that the first pods of any cluster need. Every module costs boot time. */
  kubernetes: [
    // the cni agent's masquerade rule
    'nf_tables',
    'nft_chain_nat',
    'nft_masq',
    // the bridge CNI plugin, and services that see bridged packets
    'bridge',
    'veth',
    'br_netfilter',
    // rules of services
    'nf_conntrack',
    'nf_nat',
    'nft_ct',
    'nft_nat',
    'nft_numgen',
    'nft_reject_inet',
    'nft_fib_inet',
    // iptables, in its nf_tables form
    'nft_compat',
    'xt_comment',
    'xt_conntrack',
    'xt_MASQUERADE',
    'xt_mark',
    'xt_multiport',
    'xt_addrtype',
    'xt_statistic',
    'xt_nat',
    'xt_tcpudp',
  ],
  /** Modules that cluster networks use: overlays, eBPF data paths, IPVS, older iptables. */
  networks: [
    'vxlan',
    'dummy',
    'tun',
    'ipip',
    'geneve',
    'wireguard',
    '8021q',
    'sch_ingress',
    'sch_fq',
    'cls_bpf',
    'nft_limit',
    'nft_log',
    'nfnetlink_queue',
    'xt_REDIRECT',
    'xt_set',
    'ip_set',
    'ip_set_hash_ip',
    'ip_set_hash_net',
    'ip_vs',
    'ip_vs_rr',
    'ip_vs_wrr',
    'ip_vs_sh',
    // iptables-legacy looks for these before it asks for a table
    'ip_tables',
    'ip6_tables',
  ],
  /** Modules behind devices of volume plugins, whose pods have no modprobe. */
  storage: [
    'fuse',
    'loop',
    'dm_mod',
    // /dev/nvme-fabrics; it asks for the transport
    'nvme_fabrics',
    // /dev/sgN of each SCSI and SATA disk, by which tools ask the disk itself
    'sg',
  ],
  /** Modules that exporters of metrics look for, of hardware that names no driver for them. */
  monitoring: [
    // temperatures of SATA disks
    'drivetemp',
    // memory errors that firmware reports
    'ghes_edac',
  ],
};
