import path from 'node:path';

import { startDnsmasq } from '../dnsmasq.ts';
import type { DhcpServer, DhcpSettings } from './server.ts';

const list = (code: number, values: readonly string[] = []): string[] =>
  values.length === 0 ? [] : [`${code},${values.join(',')}`];

function optionsOf(settings: DhcpSettings): string[] {
  return [
    `option:T1,${settings.t1Seconds}`,
    `option:T2,${settings.t2Seconds}`,
    ...list(3, settings.router === undefined ? [] : [settings.router]),
    ...list(6, settings.dns),
    ...list(42, settings.ntp),
    ...list(119, settings.search),
    ...list(121, settings.routes?.flat()),
    ...(settings.mtu === undefined ? [] : [`26,${settings.mtu}`]),
  ];
}

export const dnsmasq: DhcpServer = {
  name: 'dnsmasq',
  minLeaseSeconds: 120,
  log: {
    discover: /DHCPDISCOVER\(/,
    offer: /DHCPOFFER\(/,
    request: /DHCPREQUEST\(/,
    ack: /DHCPACK\(/,
    nak: /DHCPNAK\(/,
    decline: /DHCPDECLINE\(/,
  },
  cannot: { 'long search list': 'it refuses options longer than 255 bytes' },
  async start(netns, settings) {
    const { pool, leaseSeconds, reserved } = settings;
    return startDnsmasq(netns, {
      interface: 'srv0',
      range: `${pool.join(',')},255.255.255.0,${leaseSeconds}`,
      options: optionsOf(settings),
      authoritative: true,
      leaseFile: path.join(settings.folder, 'dnsmasq.leases'),
      extra: reserved === undefined ? [] : [`--dhcp-host=${reserved.mac},${reserved.address}`],
    });
  },
};
