import { type Assertion, demand } from './assertion.ts';
import { type Results, askedOnce } from './guest.ts';

/**
 * Features of a kernel that pods, CNI plugins and watchers need, in the order in which `os/guest/src/features` tries
 * them.
 */
const FEATURES = [
  'dummy', 'address', 'vlan', 'vxlan', 'geneve', 'wireguard', 'bridge', 'veth', 'ipvlan', 'macvlan', 'ipip', 'tap',
  'qdisc fq', 'qdisc tbf', 'bpf on traffic control', 'bpf on the driver (XDP)', 'routes through segments',
  'password of a TCP connection', 'multicast routing', 'multicast routing (IPv6)',
  'nftables table, chains and set', 'nftables rules', 'iptables-nft matches', 'iptables-nft targets', 'ip sets',
  'IPVS service', 'IPVS schedulers',
  'bpf programs of Cilium’s kinds', 'bpf programs of watchers’ kinds', 'bpf maps', 'bpf at sockets of a control group',
  'bpf at a raw tracepoint', 'bpf at a kernel probe', 'bpf at a tracepoint', 'tracefs where tools look for it',
  'bpf at a typed tracepoint (CO-RE)',
  'bpf at a security hook',
  'overlay', 'fuse', 'user namespace for root (hostUsers: false)', 'dm-crypt', 'loop device', 'file systems',
  'control group controllers', 'pressure figures', 'seccomp notifications', 'BBR congestion control', 'bridge netfilter',
  'connection tracking', 'IPsec', 'WireGuard settings', 'kernel types (BTF)', 'files that a program guards',
  'input and output of a process', 'equal pages of programs', 'memory that is plugged in',
] as const; // prettier-ignore

/** What makes the kernel ask for a module that is loaded then. Debian's kernel starts no program of this name. */
const FIRST_USE = [
  'loopback', 'NFS 3', 'NFS 4', 'SMB', 'signature of SMB', 'encryption of SMB', 'XFS', 'CephFS', 'iSCSI', 'NVMe over TCP',
  'LVM snapshot', 'LVM thin pool', 'multipath', 'vhost-net', 'vhost-vsock', 'vrf', 'sit', 'gretap', 'ip6gretap', 'macvtap',
  'tunnels in UDP', 'Open vSwitch', 'netem', 'flower', 'actions of filters', 'link of IPsec', 'signatures by IPsec',
  'signatures by IPsec (IPv6)', 'sockets of TCP', 'sockets of UDP', 'sockets between programs', 'sockets on links',
  'end of a socket', 'TLS by the kernel', 'raw table of iptables-legacy', 'target TRACE of iptables-legacy',
  'node of a device',
].map((name) => `first use: ${name}`); // prettier-ignore

/** What a pod in mode `rare` tries: features of modules that only a machine with modules.erofs has. */
export const RARE_FEATURES = [
  'first use: Btrfs', 'first use: LVM on several disks', 'first use: LVM to another disk',
  'first use: LVM with a cache', 'first use: LVM with a cache of writes', 'first use: LVM with checksums',
  'first use: labels of MPLS', 'first use: rare kinds of sets', 'disks that a program serves',
]; // prettier-ignore

type Feature = (typeof FEATURES)[number];

/** Features that a kernel is known to lack, in whole or in part. */
const ABSENT: Readonly<Record<Results['kernel'], ReadonlySet<Feature>>> = {
  kios: new Set(),
  // In modules that are loaded only when a manifest names them.
  debian: new Set([
    'ipvlan', 'macvlan', 'qdisc tbf', 'nftables rules', 'iptables-nft matches', 'iptables-nft targets', 'ip sets',
    'IPVS schedulers', 'dm-crypt', 'file systems', 'BBR congestion control', 'IPsec',
  ]),
}; // prettier-ignore

const resultsOf = askedOnce('features');
const known: ReadonlySet<string> = new Set([...FEATURES, ...FIRST_USE]);

/** Returns the assertion of one feature, whose result `judge` demands. */
const assertionOf = (
  name: string,
  judge: (result: string, kernel: Results['kernel']) => void,
): Assertion => ({
  name: `feature: ${name}`,
  check: async (subject) => {
    const { kernel, results } = await resultsOf(subject);
    const result = results.get(name) ?? 'not tried';
    judge(result, kernel);
    return result;
  },
});

export const FEATURE_ASSERTIONS: readonly Assertion[] = [
  ...FEATURES.map((name) =>
    assertionOf(name, (result, kernel) => {
      const expected = !ABSENT[kernel].has(name);
      demand(
        (result === 'ok') === expected,
        expected ? result : 'it works, but the table says that this kernel lacks it',
      );
    }),
  ),
  ...FIRST_USE.map((name) =>
    assertionOf(name, (result, kernel) => demand(kernel === 'debian' || result === 'ok', result)),
  ),
  {
    name: 'every feature that was tried is in the table',
    check: async (subject) => {
      const { results } = await resultsOf(subject);
      const strangers = [...results.keys()].filter((name) => !known.has(name));
      demand(strangers.length === 0, strangers.join(', '));
      return `${results.size} results`;
    },
  },
];
