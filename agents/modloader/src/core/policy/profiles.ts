/**
 * What a node's pods and kubelet make the kernel ask for by name. On other systems the kernel runs modprobe for these; here nothing
 * answers that call, so they are there beforehand. Modules an image does not have are skipped.
 */
export const PROFILES: Readonly<Record<string, readonly string[]>> = {
  /** What any cluster's first pods need. Every module costs boot time. */
  kubernetes: [
    // the node's own masquerading, which the cni agent waits for
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
  /** What a cluster's own network may add: overlays, eBPF data paths, IPVS, older iptables. */
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
  /** What volume plugins open or mount. */
  storage: ['fuse', 'loop', 'dm_mod', 'nfs'],
};
