import { appendFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { startInRoot } from '../chroot.ts';
import { dhcpPeers, type DhcpServer, type DhcpSettings } from './server.ts';

const option = (name: string, values: readonly (string | number)[] = []): string[] =>
  values.length === 0 ? [] : [`option ${name} ${values.join(' ')}`];

function configuration(settings: DhcpSettings): string {
  const { pool, leaseSeconds, t1Seconds, t2Seconds, reserved } = settings;
  return [
    `start ${pool[0]}`,
    `end ${pool[1]}`,
    'interface srv0',
    `min_lease ${Math.min(leaseSeconds, 10)}`,
    'lease_file /mnt/udhcpd.leases',
    'pidfile /mnt/udhcpd.pid',
    'option subnet 255.255.255.0',
    `option lease ${leaseSeconds}`,
    // udhcpd has no names for T1 and T2.
    `option 0x3a ${t1Seconds.toString(16).padStart(8, '0')}`,
    `option 0x3b ${t2Seconds.toString(16).padStart(8, '0')}`,
    ...option('router', settings.router === undefined ? [] : [settings.router]),
    ...option('dns', settings.dns),
    ...option('ntpsrv', settings.ntp),
    ...(settings.search ?? []).map((name) => `option search ${name}`),
    ...option('staticroutes', settings.routes?.flat()),
    ...option('mtu', settings.mtu === undefined ? [] : [settings.mtu]),
    ...(reserved === undefined ? [] : [`static_lease ${reserved.mac} ${reserved.address}`]),
    '',
  ].join('\n');
}

export const udhcpd: DhcpServer = {
  name: 'udhcpd',
  minLeaseSeconds: 10,
  // Debian builds it without log lines for received messages and NAKs.
  log: { offer: /sending OFFER/, ack: /sending ACK/ },
  cannot: {
    overload: 'it never writes option 52: what does not fit is left out',
    'long search list': 'it drops what would make an option longer than 255 bytes',
  },
  async start(netns, settings) {
    await writeFile(path.join(settings.folder, 'udhcpd.conf'), configuration(settings));
    await appendFile(path.join(settings.folder, 'udhcpd.leases'), '');
    // Its ARP check waits two seconds for each reply; on this wire a millisecond is enough.
    const flags = ['-f', '-a', '1', '-I', settings.address];
    const command = ['/usr/sbin/udhcpd', ...flags, '/mnt/udhcpd.conf'];
    const server = await startInRoot(netns, dhcpPeers(), command, { shared: settings.folder });
    await server.expect('started, v');
    return server;
  },
};
