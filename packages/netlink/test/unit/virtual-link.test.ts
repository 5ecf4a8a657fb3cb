import { ByteWriter, DecodeError, toHex } from '@kios/bytes';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { encodeLinkChange } from '../../src/link.ts';
import {
  encodeVirtualLink,
  LINK_SETTINGS,
  type LinkKind,
  type VirtualLink,
} from '../../src/virtual-link.ts';
import { decodeLinkState } from '../../src/virtual-links.ts';

const KINDS = ['bond', 'bridge', 'vlan'] as const;

/** Numbers that fit into so many bytes. */
const NUMBERS = {
  1: fc.nat({ max: 0xff }),
  2: fc.nat({ max: 0xff_ff }),
  4: fc.nat({ max: 0xffff_ffff }),
} as const;

function settingsOf(kind: LinkKind): fc.Arbitrary<Readonly<Record<string, number | undefined>>> {
  const all: Readonly<Record<string, readonly [number, 1 | 2 | 4]>> = LINK_SETTINGS[kind];
  const numbers: Record<string, fc.Arbitrary<number>> = {};
  for (const [name, [, width]] of Object.entries(all)) numbers[name] = NUMBERS[width];
  return fc.record(numbers, { requiredKeys: [] });
}

const linkOf = (kind: LinkKind): fc.Arbitrary<VirtualLink> =>
  settingsOf(kind).map((settings) => ({ kind, name: 'x0', settings }));

describe('virtual links', () => {
  it('keep every setting of their kind', () => {
    fc.assert(
      fc.property(fc.oneof(...KINDS.map(linkOf)), (link) => {
        const { kind, name, settings: decoded } = decodeLinkState(encodeVirtualLink(link));
        expect({ kind, name, settings: decoded }).toEqual(link);
      }),
    );
  });

  it('a VLAN is encoded as the kernel documents it', () => {
    const vlan = { kind: 'vlan', name: 'v5', parent: 2, settings: { id: 5 } } as const;
    expect(toHex(encodeVirtualLink(vlan))).toBe(
      [
        '00'.repeat(16),
        '0700030076350000', // IFLA_IFNAME
        '0800050002000000', // IFLA_LINK
        '1c001200', // IFLA_LINKINFO
        '09000100766c616e00000000', // kind
        '0c000200', // data
        '0600010005000000', // IFLA_VLAN_ID
      ].join(''),
    );
  });

  it('a bond asks several addresses', () => {
    const arpTargets = ['10.0.0.1', '10.0.0.2'];
    const bond: VirtualLink = { kind: 'bond', name: 'b', settings: {}, arpTargets };
    const targets = ['14000800', '080000000a000001', '080001000a000002'];
    expect(toHex(encodeVirtualLink(bond))).toContain(targets.join(''));
  });

  it('of an unknown kind have no settings, and damaged ones are refused', () => {
    const info = new ByteWriter().zeros(16).u16le(15).u16le(18).u16le(11).u16le(1);
    const whole = info.bytes(new TextEncoder().encode('dummy0\0')).finish();
    expect(decodeLinkState(whole)).toMatchObject({ kind: 'dummy0', settings: {} });
    expect(() => decodeLinkState(whole.slice(0, -1))).toThrow(DecodeError);
  });

  it('a link changes its master, hardware address and name', () => {
    const change = { master: 3, mac: '02:00:00:00:00:01', name: 'lan' };
    expect(toHex(encodeLinkChange(2, change))).toBe(
      [
        '00000000020000000000000000000000',
        '08000a0003000000', // IFLA_MASTER
        '0a0001000200000000010000', // IFLA_ADDRESS
        '080003006c616e00', // IFLA_IFNAME
      ].join(''),
    );
  });
});
