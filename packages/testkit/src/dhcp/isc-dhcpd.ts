import { appendFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { startInRoot } from '../chroot.ts';
import { routeBytes } from './route-bytes.ts';
import { dhcpPeers, type DhcpServer, type DhcpSettings } from './server.ts';

const addresses = (name: string, values: readonly string[] = []): string[] =>
  values.length === 0 ? [] : [`option ${name} ${values.join(', ')};`];

function configuration(settings: DhcpSettings): string {
  const { pool, leaseSeconds, t1Seconds, t2Seconds, routes, search, reserved } = settings;
  const subnet = pool[0].replace(/\d+$/, '0');
  return [
    'option classless-routes code 121 = array of integer 8;',
    'authoritative;',
    'ping-check false;',
    `default-lease-time ${leaseSeconds};`,
    `max-lease-time ${leaseSeconds};`,
    `option dhcp-renewal-time ${t1Seconds};`,
    `option dhcp-rebinding-time ${t2Seconds};`,
    `subnet ${subnet} netmask 255.255.255.0 {`,
    `range ${pool.join(' ')};`,
    ...addresses('routers', settings.router === undefined ? [] : [settings.router]),
    ...addresses('domain-name-servers', settings.dns),
    ...addresses('ntp-servers', settings.ntp),
    ...(search === undefined
      ? []
      : [`option domain-search ${search.map((name) => `"${name}"`).join(', ')};`]),
    ...(routes === undefined
      ? []
      : [`option classless-routes ${routes.flatMap(routeBytes).join(', ')};`]),
    ...(settings.mtu === undefined ? [] : [`option interface-mtu ${settings.mtu};`]),
    '}',
    ...(reserved === undefined
      ? []
      : [`host one { hardware ethernet ${reserved.mac}; fixed-address ${reserved.address}; }`]),
    '',
  ].join('\n');
}

export const iscDhcpd: DhcpServer = {
  name: 'ISC dhcpd',
  minLeaseSeconds: 1,
  log: {
    discover: /^DHCPDISCOVER from/,
    offer: /^DHCPOFFER on/,
    request: /^DHCPREQUEST for/,
    ack: /^DHCPACK on/,
    nak: /^DHCPNAK on/,
    decline: /^DHCPDECLINE of/,
  },
  cannot: {},
  async start(netns, settings) {
    await writeFile(path.join(settings.folder, 'dhcpd.conf'), configuration(settings));
    await appendFile(path.join(settings.folder, 'dhcpd.leases'), '');
    const files = ['-cf', '/mnt/dhcpd.conf', '-lf', '/mnt/dhcpd.leases', '--no-pid'];
    const command = ['/usr/sbin/dhcpd', '-4', '-f', '-d', ...files, 'srv0'];
    const server = await startInRoot(netns, dhcpPeers(), command, { shared: settings.folder });
    await server.expect('Server starting service');
    return server;
  },
};
