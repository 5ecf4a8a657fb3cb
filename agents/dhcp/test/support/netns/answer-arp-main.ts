import { readFileSync } from 'node:fs';

import { openPacket } from '@kios/syscall';

import { decodeArp, encodeArp, ETHERTYPE_ARP } from '../../../src/core/wire/arp.ts';

/** Replies to each ARP request on `eth0` with its own hardware address, as some routers do. */

const read = (name: string): string => readFileSync(`/sys/class/net/eth0/${name}`, 'utf8').trim();
const mac = read('address');
using socket = openPacket({ ifindex: Number(read('ifindex')), protocol: ETHERTYPE_ARP });
process.stdout.write('listening\n');
for (;;) {
  const { operation, senderMac, sender, target } = decodeArp(await socket.receive());
  if (operation !== 'request' || senderMac === mac) continue;
  const reply = { senderMac: mac, sender: target, targetMac: senderMac, target: sender };
  socket.send(encodeArp({ operation: 'reply', ...reply }));
}
