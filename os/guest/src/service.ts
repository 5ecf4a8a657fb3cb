import { parseIpv4 } from '@kios/bytes';
import { nest } from '@kios/netlink/message';

import { type Attribute, be32, text, u32 } from './netlink.ts';
import { AF_INET, type Expression, expression, intoRegister, NFT, nft, transact } from './nftables.ts'; // prettier-ignore

const TABLE: Attribute = [1, text('kios-service')];
/** Base chains: the hook and the priority of each. */
const CHAINS = { to: [0, -100], from: [4, 100] } as const;
type Chain = keyof typeof CHAINS;

const NETWORK_HEADER = 1;
const DESTINATION = { offset: 16, bytes: 4 } as const;
const EQUAL = 0;
const NOT_EQUAL = 1;
const CONNECTION_STATUS = 2;
/** IPS_DST_NAT: the destination was translated. */
const TRANSLATED = 32;
const DNAT = 1;

const chain = (name: Chain): ReturnType<typeof nft> => {
  const [hook, priority] = CHAINS[name];
  const place = nest([1, be32(hook)], [2, be32(priority >>> 0)]);
  return nft(NFT.newChain, TABLE, [3, text(name)], [4, place], [7, text('nat')]);
};

const rule = (where: Chain, ...steps: readonly Expression[]): ReturnType<typeof nft> =>
  nft(NFT.newRule, TABLE, [2, text(where)], [4, nest(...steps.map(expression))]);

const compare = (operation: number, bytes: Uint8Array): Expression =>
  intoRegister('cmp', [2, be32(operation)], [3, nest([1, bytes])]);

const destination = intoRegister(
  'payload',
  [2, be32(NETWORK_HEADER)],
  [3, be32(DESTINATION.offset)],
  [4, be32(DESTINATION.bytes)],
);
const status = intoRegister('ct', [2, be32(CONNECTION_STATUS)]);
const andMask = intoRegister(
  'bitwise',
  [2, be32(1)],
  [3, be32(4)],
  [4, nest([1, u32(TRANSLATED)])],
  [5, nest([1, u32(0)])],
);

/**
 * Translates a Service's address to that of its endpoint, in the host's own name, as kube-proxy does for whom is not in
 * its cluster's networks. It stays until the next boot.
 */
export function translate(service: string, endpoint: string): void {
  const target = intoRegister('immediate', [2, nest([1, parseIpv4(endpoint)])]);
  const nat = nest([1, be32(DNAT)], [2, be32(AF_INET)], [3, be32(1)]);
  transact(
    nft(NFT.newTable, TABLE),
    chain('to'),
    chain('from'),
    rule('to', destination, compare(EQUAL, parseIpv4(service)), target, ['nat', nat]),
    rule('from', status, andMask, compare(NOT_EQUAL, u32(0)), ['masq', new Uint8Array()]),
  );
}
