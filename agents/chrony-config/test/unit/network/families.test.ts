import { describe, expect, it } from 'vitest';

import { familiesOf } from '../../../src/core/network/families.ts';

const HEAD =
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
const ZERO = '0'.repeat(32);
const BY_ETH0_4 = `${HEAD}eth0\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n`;
const PODS_4 = `${HEAD}cni0\t0000550A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n`;
const BY_ETH0_6 = `${ZERO} 00 ${ZERO} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n`;
const NONE_6 = `${ZERO} 00 ${ZERO} 00 ${ZERO} ffffffff 00000001 00000000 00200200       lo\n`;

const node4 = { link: 'eth0', family: 'IPv4', address: '192.0.2.1', cidr: '192.0.2.1/24' };
const node6 = { link: 'eth0', family: 'IPv6', address: '2001:db8::1', cidr: '2001:db8::1/64' };
const link6 = { link: 'eth0', family: 'IPv6', address: 'fe80::1', cidr: null };
const pods4 = { link: 'cni0', family: 'IPv4', address: '10.85.0.1', cidr: '10.85.0.1/24' };

it('the own subnets are those of all links', () => {
  const { subnets } = familiesOf([node6, link6, pods4], { ipv4: PODS_4, ipv6: BY_ETH0_6 });
  expect(subnets).toEqual(['2001:db8::1/64', '10.85.0.1/24']);
});

describe('the families of a node', () => {
  it.each([
    ['of both', [node4, node6], BY_ETH0_4, BY_ETH0_6, [true, true]],
    ['of IPv4 alone', [node4, link6], BY_ETH0_4, NONE_6, [true, false]],
    ['of IPv6 alone, with a network of pods', [node6, pods4], PODS_4, BY_ETH0_6, [false, true]],
    ['whose IPv6 ends at its own segment', [node4, node6], BY_ETH0_4, NONE_6, [true, true]],
    ['without a router', [node4, link6], PODS_4, NONE_6, [true, false]],
    ['without a network', [], '', '', [false, false]],
  ] as const)('%s', (_, addresses, ipv4, ipv6, [has4, has6]) => {
    expect(familiesOf(addresses, { ipv4, ipv6 })).toMatchObject({ ipv4: has4, ipv6: has6 });
  });
});
