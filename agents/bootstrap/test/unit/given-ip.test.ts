import { describe, expect, it } from 'vitest';

import { nodeIpFault } from '../../src/core/node/given-ip.ts';

const FORM = 'must be auto, or one or two addresses';
const FAMILIES = 'must have one address of each family';
const ANY = 'must not have 0.0.0.0 or :: beside another address';

describe('an address that a document gives its node', () => {
  it.each(['auto', '10.0.0.7', '0.0.0.0', '::', 'fd00::7', '10.0.0.7,fd00::7', 'fd00::7,10.0.0.7', '::ffff:10.0.0.7'])(
    'may be %s',
    (given) => {
      expect(nodeIpFault(given)).toBeUndefined();
    },
  ); // prettier-ignore

  it.each([
    ['10.0.0.999', FORM],
    ['10.0.0', FORM],
    ['10.0.0.07', FORM],
    ['10.0.0.7/24', FORM],
    ['fd00:::7', FORM],
    ['fe80::1%eth0', FORM],
    ['node-1', FORM],
    ['10.0.0.7,', FORM],
    ['auto,10.0.0.7', FORM],
    ['10.0.0.7,fd00::7,fd00::8', FORM],
    ['10.0.0.7,10.0.0.8', FAMILIES],
    ['fd00::7,fd00::8', FAMILIES],
    ['0.0.0.0,fd00::7', ANY],
    ['10.0.0.7,0::0', ANY],
  ])('%s is refused, because kubelet would not start with it: %s', (given, why) => {
    expect(nodeIpFault(given)).toBe(why);
  });
});
