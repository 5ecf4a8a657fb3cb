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
  /** Modules that cluster networks use: overlays, eBPF data paths, switches, IPVS, older iptables, BGP. */
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
    'iptable_raw',
    'ip6table_raw',
    // Antrea, kube-ovn, OVN-Kubernetes
    'openvswitch',
    'vrf',
    // Cilium's encryption
    'ipcomp',
    'ipcomp6',
    // network cards of pods that are virtual machines
    'vhost_net',
  ],
  /** Modules behind devices and file systems of volume plugins, whose pods mount without modprobe. */
  storage: [
    'fuse',
    'loop',
    'dm_mod',
    'dm_thin_pool',
    'dm_snapshot',
    'iscsi_tcp',
    'nvme_tcp',
    'xfs',
    'nfs',
    'nfsv3',
    'nfsv4',
    // SMB shares, and what encrypts and signs them
    'cifs',
    'cmac',
    'ccm',
  ],
};
