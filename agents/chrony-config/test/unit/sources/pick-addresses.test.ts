import { expect, it } from 'vitest';

import { pickAddresses } from '../../../src/core/sources/pick-addresses.ts';

it('picks four addresses of each family, whatever order they arrive in', () => {
  const ipv4 = ['192.0.2.3', '192.0.2.1', '192.0.2.5', '192.0.2.2', '192.0.2.4'];
  const found = { ipv4, ipv6: ['2001:db8::2', '2001:db8::1'] };
  const picked = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4', '2001:db8::1', '2001:db8::2'];
  expect(pickAddresses(found)).toEqual(picked);
  expect(pickAddresses({ ...found, ipv4: ipv4.toReversed() })).toEqual(picked);
});
