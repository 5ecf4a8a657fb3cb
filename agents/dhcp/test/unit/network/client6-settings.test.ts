import { describe, expect, it } from 'vitest';

import {
  override6Of,
  type Settings6,
  settings6Of,
} from '../../../src/core/network/client6-settings.ts';
import { type Placed, rolesOf } from '../../../src/core/network/roles.ts';
import { type LinkSettings, SETTINGS } from '../../../src/core/settings/settings.ts';
import { pick } from '../../../src/core/settings/table.ts';
import { readLinks } from '../../support/network/read-file.ts';

const defaults = Object.fromEntries(
  Object.entries(SETTINGS).map(([name, { default: value }]) => [name, value]),
);
// oxlint-disable-next-line no-unsafe-type-assertion -- TypeScript cannot follow a mapping of entries
const GIVEN = pick(SETTINGS, defaults as unknown as LinkSettings);

// oxlint-disable-next-line no-unsafe-type-assertion -- the rest of a link is not looked at
const ETH0 = { index: 2, name: 'eth0', master: undefined } as unknown as Placed['link'];

/** What a file says of eth0 and IPv6. */
function settingsIn(eth0: string): Settings6 {
  const [settings] = readLinks(`{ eth0: ${eth0} }`);
  if (settings === undefined) throw new Error('no link');
  const role = rolesOf([{ settings, link: ETH0, metric: 100 }]).get(2);
  if (role === undefined) throw new Error('no role');
  return override6Of(role, GIVEN);
}

describe('IPv6 of a link', () => {
  it('is as routers say without a network file', () => {
    expect(settings6Of(GIVEN)).toMatchObject({
      dhcp6: 'routers',
      fromRouters: { dns: true, domains: true },
    });
  });

  it.each([
    ['{ dhcp6: true }', 'on'],
    // No router can ask for it.
    ['{ dhcp6: true, accept-ra: false }', 'always'],
    ['{ dhcp4: true }', 'off'],
    ['{ accept-ra: true }', 'off'],
  ])('%s: DHCPv6 is %s', (eth0, expected) => {
    expect(settingsIn(eth0).dhcp6).toBe(expected);
  });

  it('orders the name servers of DHCPv6 by a metric of its own', () => {
    const eth0 = '{ dhcp6: true, dhcp6-overrides: { route-metric: 50 } }';
    expect(settingsIn(eth0).serverMetric).toBe(50);
    expect(settingsIn('{ dhcp6: true }')).not.toHaveProperty('serverMetric');
  });

  it('uses of servers and routers what the file says', () => {
    const eth0 = `{
      dhcp6: true,
      dhcp6-overrides: { use-dns: false, use-ntp: false, rapid-commit: false },
      ra-overrides: { use-domains: false },
    }`;
    expect(settingsIn(eth0)).toMatchObject({
      rapidCommit: false,
      fromServer: { dns: false, domains: true },
      fromRouters: { dns: true, domains: false },
      useNtp: false,
    });
  });

  it('sends the names and classes of the file', () => {
    const eth0 = `{
      dhcp6: true,
      dhcp6-overrides: {
        fqdn: node.example.org, user-class: 'hex:0a0b', send-hostname: false,
        vendor-class: kios, enterprise-number: 32473
      },
    }`;
    expect(settingsIn(eth0)).toMatchObject({
      sendHostname: false,
      identity: {
        fqdn: { flags: 1, name: 'node.example.org' },
        userClass: [Uint8Array.of(10, 11)],
        vendorClass: { enterprise: 32473, data: [new TextEncoder().encode('kios')] },
      },
    });
  });
});
