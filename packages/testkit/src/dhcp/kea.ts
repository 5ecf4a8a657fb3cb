import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { startInRoot } from '../chroot.ts';
import { dhcpPeers, type DhcpServer, type DhcpSettings } from './server.ts';

const option = (name: string, data: string | undefined): object[] =>
  data === undefined ? [] : [{ name, data }];

function optionData(settings: DhcpSettings): object[] {
  const { router, dns, ntp, search, routes, mtu } = settings;
  return [
    ...option('routers', router),
    ...option('domain-name-servers', dns?.join(', ')),
    ...option('ntp-servers', ntp?.join(', ')),
    ...option('domain-search', search?.join(', ')),
    ...option('classless-static-route', routes?.map(([to, via]) => `${to} - ${via}`).join(', ')),
    ...option('interface-mtu', mtu?.toString()),
  ];
}

function configuration(settings: DhcpSettings): object {
  const { pool, leaseSeconds, t1Seconds, t2Seconds, reserved } = settings;
  const logger = { name: 'kea-dhcp4', severity: 'DEBUG', debuglevel: 55 };
  return {
    Dhcp4: {
      'interfaces-config': { interfaces: ['srv0'], 'dhcp-socket-type': 'raw' },
      'lease-database': { type: 'memfile', name: '/mnt/kea-leases4.csv', 'lfc-interval': 0 },
      'multi-threading': { 'enable-multi-threading': false },
      authoritative: true,
      'valid-lifetime': leaseSeconds,
      'renew-timer': t1Seconds,
      'rebind-timer': t2Seconds,
      subnet4: [
        {
          id: 1,
          subnet: pool[0].replace(/\d+$/, '0/24'),
          pools: [{ pool: pool.join(' - ') }],
          'option-data': optionData(settings),
          reservations:
            reserved === undefined
              ? []
              : [{ 'hw-address': reserved.mac, 'ip-address': reserved.address }],
        },
      ],
      loggers: [{ ...logger, 'output-options': [{ output: 'stdout', flush: true }] }],
    },
  };
}

/** Moves Kea's folders to /mnt, because it rejects paths outside them. */
export const KEA_ENV = {
  KEA_DHCP_DATA_DIR: '/mnt',
  KEA_PIDFILE_DIR: '/mnt',
  KEA_LOCKFILE_DIR: '/mnt',
};

export const kea: DhcpServer = {
  name: 'Kea',
  minLeaseSeconds: 1,
  log: {
    discover: /DHCP4_PACKET_RECEIVED .*DHCPDISCOVER/,
    offer: /DHCP4_PACKET_SEND .*DHCPOFFER/,
    request: /DHCP4_PACKET_RECEIVED .*DHCPREQUEST/,
    ack: /DHCP4_PACKET_SEND .*DHCPACK/,
    nak: /DHCP4_PACKET_SEND .*DHCPNAK/,
    decline: /DHCP4_PACKET_RECEIVED .*DHCPDECLINE/,
  },
  cannot: {
    overload: 'it never puts options into other fields: what does not fit makes the packet longer',
  },
  async start(netns, settings) {
    const file = path.join(settings.folder, 'kea-dhcp4.conf');
    await writeFile(file, JSON.stringify(configuration(settings)));
    const command = ['/usr/sbin/kea-dhcp4', '-c', '/mnt/kea-dhcp4.conf'];
    const options = { shared: settings.folder, env: KEA_ENV };
    const server = await startInRoot(netns, dhcpPeers(), command, options);
    await server.expect('DHCP4_STARTED');
    return server;
  },
};
