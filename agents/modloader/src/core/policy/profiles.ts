/**
 * Modules that the kernel requests by name for kubelet and pods. Elsewhere the kernel then runs modprobe. Here nothing
 * serves the request, so they are loaded beforehand. Modules missing from the image are skipped.
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
    'ip_tables',
    'iptable_filter',
    'iptable_nat',
    'iptable_mangle',
    'ip6_tables',
    'ip6table_filter',
    'ip6table_nat',
    'ip6table_mangle',
  ],
  /** Modules behind devices and file systems of volume plugins. */
  storage: ['fuse', 'loop', 'dm_mod', 'nfs'],
};
