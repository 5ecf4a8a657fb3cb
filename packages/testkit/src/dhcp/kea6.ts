import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { startInRoot } from '../chroot.ts';
import { KEA_ENV } from './kea.ts';
import { dhcpPeers } from './server.ts';
import { type Dhcp6Server, type Dhcp6Settings, poolOf } from './server6.ts';

const option = (name: string, values: readonly string[]): object[] =>
  values.length === 0 ? [] : [{ name, data: values.join(', ') }];

function configuration(settings: Dhcp6Settings): object {
  const { network, stateful, rapidCommit, validSeconds, t1Seconds, t2Seconds } = settings;
  const logger = { name: 'kea-dhcp6', severity: 'DEBUG', debuglevel: 55 };
  return {
    Dhcp6: {
      'interfaces-config': { interfaces: ['srv0'] },
      'lease-database': { type: 'memfile', name: '/mnt/kea-leases6.csv', 'lfc-interval': 0 },
      'multi-threading': { 'enable-multi-threading': false },
      'valid-lifetime': validSeconds,
      'preferred-lifetime': validSeconds,
      'renew-timer': t1Seconds,
      'rebind-timer': t2Seconds,
      'option-data': [
        ...option('dns-servers', settings.dns),
        ...option('domain-search', settings.search),
      ],
      subnet6: [
        {
          id: 1,
          subnet: `${network}::/64`,
          interface: 'srv0',
          'rapid-commit': rapidCommit,
          pools: stateful ? [{ pool: poolOf(settings).join(' - ') }] : [],
        },
      ],
      loggers: [{ ...logger, 'output-options': [{ output: 'stdout', flush: true }] }],
    },
  };
}

const received = (name: string): RegExp =>
  new RegExp(`DHCP6_PACKET_RECEIVED .*(?:type |: )?${name}\\b`);

export const kea6: Dhcp6Server = {
  name: 'Kea',
  announces: false,
  minValidSeconds: 1,
  log: {
    solicit: received('SOLICIT'),
    request: received('REQUEST'),
    confirm: received('CONFIRM'),
    renew: received('RENEW'),
    rebind: received('REBIND'),
    decline: received('DECLINE'),
    release: received('RELEASE'),
    information: received('INFORMATION_REQUEST'),
    reply: /DHCP6_PACKET_SEND .*REPLY/,
  },
  async start(netns, settings) {
    const file = path.join(settings.folder, 'kea-dhcp6.conf');
    await writeFile(file, JSON.stringify(configuration(settings)));
    const command = ['/usr/sbin/kea-dhcp6', '-c', '/mnt/kea-dhcp6.conf'];
    const options = { shared: settings.folder, env: KEA_ENV };
    const server = await startInRoot(netns, dhcpPeers(), command, options);
    await server.expect('DHCP6_STARTED');
    return server;
  },
};
