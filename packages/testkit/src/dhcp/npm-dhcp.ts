import path from 'node:path';

import type { DhcpServer } from './server.ts';

export const npmDhcp: DhcpServer = {
  name: 'npm dhcp',
  minLeaseSeconds: 1,
  log: {
    discover: /received discover/,
    offer: /sending offer/,
    request: /received request/,
    ack: /sending ack/,
    nak: /sending nak/,
    decline: /received decline/,
  },
  cannot: {
    nak: 'it replies to every request with an ACK, with an address of its own choice',
    decline: 'it ignores DECLINE and hands out the same address again',
    'classless routes': 'it writes option 121 as a list of addresses',
    overload: 'it writes options into the options field only',
    'long search list': 'it writes option 119 as text',
  },
  async start(netns, settings) {
    const { pool, address, leaseSeconds, t1Seconds, t2Seconds, router, dns, reserved } = settings;
    const configuration = {
      range: pool,
      randomIP: false,
      netmask: '255.255.255.0',
      broadcast: pool[0].replace(/\d+$/, '255'),
      server: address,
      leaseTime: leaseSeconds,
      renewalTime: t1Seconds,
      rebindingTime: t2Seconds,
      router: [router ?? address],
      dns: dns ?? [address],
      static:
        reserved === undefined
          ? {}
          : { [reserved.mac.toUpperCase().replaceAll(':', '-')]: reserved.address },
    };
    const main = path.join(import.meta.dirname, 'npm-dhcp-main.ts');
    const server = netns.start(process.execPath, [main, JSON.stringify(configuration)]);
    await server.expect('listening');
    return server;
  },
};
