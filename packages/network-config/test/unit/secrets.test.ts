import { expect, it } from 'vitest';

import { readNetworkConfig } from '../../src/index.ts';

const TEXT = `
network:
  version: 2
  wifis: {wlan0: {access-points: {home: {password: hunter2}}}}
  modems: {m: {password: hunter2}}
  ethernets:
    eth0:
      auth: {password: hunter2}
      dhcp4-overrides: {user-class: [hunter2], vendor-class: {a: hunter2}, send-options: hunter2}
      nameservers: |
        hunter2
    eth1: hunter2
`;

it('a fault of a place that may hold a secret does not quote it', () => {
  const reading = readNetworkConfig(TEXT);
  const faults = reading.ok ? [] : reading.faults;
  expect(faults).toHaveLength(8);
  expect(JSON.stringify(faults)).not.toContain('hunter2');
});
