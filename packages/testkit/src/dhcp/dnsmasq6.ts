import path from 'node:path';

import { startDnsmasq } from '../dnsmasq.ts';
import { type Dhcp6Server, type Dhcp6Settings, poolOf } from './server6.ts';

function rangeOf(settings: Dhcp6Settings): string {
  if (!settings.stateful) return `${settings.network}::,ra-stateless,64`;
  const mode = settings.slaac ? ['slaac'] : [];
  return [...poolOf(settings), ...mode, 64, settings.validSeconds].join(',');
}

const bracketed = (addresses: readonly string[]): string =>
  addresses.map((each) => `[${each}]`).join(',');

export const dnsmasq6: Dhcp6Server = {
  name: 'dnsmasq',
  announces: true,
  minValidSeconds: 120,
  log: {
    solicit: /DHCPSOLICIT\(/,
    request: /DHCPREQUEST\(/,
    confirm: /DHCPCONFIRM\(/,
    renew: /DHCPRENEW\(/,
    rebind: /DHCPREBIND\(/,
    decline: /DHCPDECLINE\(/,
    release: /DHCPRELEASE\(/,
    information: /DHCPINFORMATION-REQUEST\(/,
    reply: /DHCPREPLY\(/,
  },
  cannotRenewSoon: 'it has T1 from the lease time, which is at least two minutes',
  async start(netns, settings) {
    return startDnsmasq(netns, {
      interface: 'srv0',
      range: rangeOf(settings),
      authoritative: true,
      rapidCommit: settings.rapidCommit,
      leaseFile: path.join(settings.folder, 'dnsmasq6.leases'),
      options: [
        `option6:dns-server,${bracketed(settings.dns)}`,
        ...(settings.search.length > 0
          ? [`option6:domain-search,${settings.search.join(',')}`]
          : []),
      ],
      extra: ['--enable-ra'],
    });
  },
};
