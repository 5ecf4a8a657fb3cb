import { appendFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { startInRoot } from '../chroot.ts';
import { dhcpPeers } from './server.ts';
import { type Dhcp6Server, type Dhcp6Settings, poolOf } from './server6.ts';

function configuration(settings: Dhcp6Settings): string {
  const { network, stateful, validSeconds, t1Seconds, t2Seconds, dns, search, ntp = [] } = settings;
  return [
    'authoritative;',
    // Else a lease that is renewed early keeps its end.
    'dhcp-cache-threshold 0;',
    `default-lease-time ${validSeconds};`,
    `preferred-lifetime ${validSeconds};`,
    `option dhcp-renewal-time ${t1Seconds};`,
    `option dhcp-rebinding-time ${t2Seconds};`,
    ...(dns.length === 0 ? [] : [`option dhcp6.name-servers ${dns.join(', ')};`]),
    ...(ntp.length === 0 ? [] : [`option dhcp6.sntp-servers ${ntp.join(', ')};`]),
    ...(search.length === 0
      ? []
      : [`option dhcp6.domain-search ${search.map((name) => `"${name}"`).join(', ')};`]),
    ...(settings.rapidCommit ? ['option dhcp6.rapid-commit;'] : []),
    `subnet6 ${network}::/64 {`,
    ...(stateful ? [`range6 ${poolOf(settings).join(' ')};`] : []),
    '}',
    '',
  ].join('\n');
}

export const iscDhcpd6: Dhcp6Server = {
  name: 'ISC dhcpd',
  announces: false,
  minValidSeconds: 1,
  log: {
    solicit: /^Solicit message from/,
    request: /^Request message from/,
    confirm: /^Confirm message from/,
    renew: /^Renew message from/,
    rebind: /^Rebind message from/,
    decline: /^Decline message from/,
    release: /^Release message from/,
    information: /^Information-request message from/,
    reply: /^Sending Reply/,
  },
  async start(netns, settings) {
    await writeFile(path.join(settings.folder, 'dhcpd6.conf'), configuration(settings));
    await appendFile(path.join(settings.folder, 'dhcpd6.leases'), '');
    const files = ['-cf', '/mnt/dhcpd6.conf', '-lf', '/mnt/dhcpd6.leases', '--no-pid'];
    const command = ['/usr/sbin/dhcpd', '-6', '-f', '-d', ...files, 'srv0'];
    const server = await startInRoot(netns, dhcpPeers(), command, { shared: settings.folder });
    await server.expect('Server starting service');
    return server;
  },
};
