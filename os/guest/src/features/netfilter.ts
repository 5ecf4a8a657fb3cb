import { nest } from '@kios/netlink/message';

import { resultOf } from '../call.ts';
import { type Attribute, be16, be32, be64, CREATE, familyOf, give, giveGeneric, NETLINK, type Order, text, u8, u16, u32 } from '../netlink.ts'; // prettier-ignore
import { AF_INET, type Expression, expression, header, intoRegister, NFT, nft, transact } from '../nftables.ts'; // prettier-ignore
import { eachOf, type Features } from './feature.ts';

const SUBSYSTEM = { ipset: 6, compat: 11 } as const;
const TABLE: Attribute = [1, text('kios')];
const SET: Attribute = [2, text('addresses')];

/** Base chains and the hook of each. */
const HOOKS = { filter: 1, nat: 4, 'nat-in': 0, raw: 0 } as const;
type Chain = keyof typeof HOOKS;

const chain = (name: Chain): Order => {
  const hook = nest([1, be32(HOOKS[name])], [2, be32(name === 'raw' ? -300 >>> 0 : 0)]);
  const type = name.startsWith('nat') ? 'nat' : 'filter';
  return nft(NFT.newChain, TABLE, [3, text(name)], [4, hook], [7, text(type)]);
};

const set = nft(NFT.newSet, TABLE, SET, [3, be32(0)], [4, be32(7)], [5, be32(4)], [10, be32(1)]);

const rule = (where: Chain, ...steps: readonly Expression[]): Order =>
  nft(NFT.newRule, TABLE, [2, text(where)], [4, nest(...steps.map(expression))]);

const ADDRESS = intoRegister('immediate', [2, nest([1, Uint8Array.of(192, 0, 2, 1)])]);
const NOTHING = new Uint8Array();

/** One rule for each kind of expression that kube-proxy and CNI plugins use. */
const RULES: Readonly<Record<string, Order>> = {
  counter: rule('filter', ['counter', NOTHING]),
  'connection state': rule('filter', intoRegister('ct', [2, be32(0)])),
  mark: rule('filter', ['meta', nest([1, be32(1)], [2, be32(3)])]),
  'address type': rule('filter', intoRegister('fib', [2, be32(3)], [3, be32(2)])),
  'random choice': rule('filter', intoRegister('numgen', [2, be32(2)], [3, be32(1)])),
  limit: rule('filter', ['limit', nest([1, be64(5)], [2, be64(1)])]),
  log: rule('filter', ['log', nest([2, text('kios')])]),
  reject: rule('filter', ['reject', nest([1, be32(0)], [2, u8(3)])]),
  set: rule('filter', ADDRESS, ['lookup', nest([1, text('addresses')], [2, be32(1)])]),
  masquerade: rule('nat', ['masq', NOTHING]),
  redirect: rule('nat-in', ['redir', NOTHING]),
  'destination address': rule('nat-in', ADDRESS, ['nat', nest([1, be32(1)], [2, be32(AF_INET)], [3, be32(1)])]), // prettier-ignore
  'no tracking': rule('raw', ['notrack', NOTHING]),
};

/** Revisions of the iptables matches and targets that kube-proxy, Calico, Cilium and flannel use. */
const MATCHES = {
  addrtype: 1, comment: 0, conntrack: 3, icmp: 0, limit: 0, mark: 1, multiport: 1, physdev: 0, recent: 1, rpfilter: 0, set: 4,
  socket: 3, statistic: 0, tcp: 0, udp: 0,
} as const; // prettier-ignore
const TARGETS = { CT: 2, DNAT: 2, LOG: 0, MARK: 2, MASQUERADE: 0, NFLOG: 0, REDIRECT: 0, REJECT: 0, SNAT: 1, TCPMSS: 0, TPROXY: 1 } as const; // prettier-ignore

/** Asks for a revision of an extension, as iptables-nft does to find out which it may use. */
export function askFor(kind: 'match' | 'target', name: string, revision: number): void {
  const type = be32(kind === 'match' ? 0 : 1);
  const attributes = nest([1, text(name)], [2, be32(revision)], [3, type]);
  const payload = Buffer.concat([header(AF_INET), attributes]);
  give(NETLINK.netfilter, { type: SUBSYSTEM.compat << 8, payload });
}

const extensions = (kind: 'match' | 'target', list: Readonly<Record<string, number>>) =>
  eachOf(Object.keys(list), (name) => resultOf(() => askFor(kind, name, list[name] ?? 0)));

const IPSET_CREATE = 2;
/** Flagged as network byte order (0x4000), which this subsystem requires. */
const PORTS = nest([0x4004, be16(1)], [0x4005, be16(1000)]);
const SETS = ['hash:ip', 'hash:net', 'hash:ip,port', 'hash:ip,port,ip', 'hash:ip,port,net', 'hash:net,net', 'bitmap:port'] as const; // prettier-ignore

export function createSet(type: string): void {
  const data = type.startsWith('bitmap') ? PORTS : NOTHING;
  const attributes = nest([1, u8(7)], [2, text(`kios-${type}`)], [3, text(type)], [4, u8(0)], [5, u8(AF_INET)], [0x8007, data]); // prettier-ignore
  const payload = Buffer.concat([header(AF_INET), attributes]);
  give(NETLINK.netfilter, { type: (SUBSYSTEM.ipset << 8) | IPSET_CREATE, flags: CREATE, payload });
}

const IPVS = { newService: 1, newDestination: 5 } as const;
const TCP = 6;

const padded = (...bytes: readonly number[]): Uint8Array => Buffer.concat([Uint8Array.from(bytes)], 16); // prettier-ignore

/** Adds a service with one server behind it, as kube-proxy does. */
function serve(scheduler: string, port: number): void {
  const family = familyOf('IPVS');
  const address: readonly Attribute[] = [[1, u16(AF_INET)], [2, u16(TCP)], [3, padded(192, 0, 2, 1)], [4, be16(port)]]; // prettier-ignore
  const options: readonly Attribute[] = [[6, text(scheduler)], [7, new Uint8Array(8)], [8, u32(0)], [9, be32(0xffffffff)]]; // prettier-ignore
  const service = nest(...address, ...options);
  giveGeneric(family, IPVS.newService, [[1, service]]);
  const server = nest([1, padded(192, 0, 2, 2)], [2, be16(80)], [3, u32(0)], [4, u32(1)], [5, u32(0)], [6, u32(0)], [11, u16(AF_INET)]); // prettier-ignore
  giveGeneric(family, IPVS.newDestination, [[1, service], [2, server]]); // prettier-ignore
}

const SCHEDULERS: readonly string[] = ['rr', 'wrr', 'lc', 'wlc', 'sh', 'mh'];

export const NETFILTER: Features = {
  'nftables table, chains and set': () =>
    transact(nft(NFT.newTable, TABLE), ...(['filter', 'nat', 'nat-in', 'raw'] as const).map(chain), set), // prettier-ignore
  'nftables rules': () =>
    eachOf(Object.keys(RULES), (name) => resultOf(() => transact(RULES[name] ?? set))),
  'iptables-nft matches': () => extensions('match', MATCHES),
  'iptables-nft targets': () => extensions('target', TARGETS),
  'ip sets': () => eachOf(SETS, (type) => resultOf(() => createSet(type))),
  'IPVS service': () => serve('rr', 80),
  'IPVS schedulers': () =>
    eachOf(SCHEDULERS, (name) => resultOf(() => serve(name, 8000 + SCHEDULERS.indexOf(name)))),
};
