import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { isIP, isIPv6 } from 'node:net';
import path from 'node:path';

import { readIfThere, sleep } from '@kios/agent';
import type { Lease } from '@kios/node-state';

import { encodeQuestion, isReplyTo } from '../../core/diagnosis/dns.ts';
import type { Asked } from '../../core/diagnosis/signs.ts';
import { neighbourIn } from '../../core/diagnosis/tables.ts';

/** The port of the discard service (RFC 863): the packet is only to make the kernel ask for the address. */
const DISCARD = 9;
const DNS = 53;
/** The kernel asks a silent neighbour three times, a second apart. */
const ARP_MS = 3500;
/** It begins at once. */
const ENTRY_MS = 500;
const LOOK_MS = 250;
const DNS_MS = 3000;
const DNS_AGAIN_MS = 1000;

/** Sends a byte by which the kernel asks for a machine of the network. */
async function nudge(address: string): Promise<void> {
  const socket = createSocket('udp4');
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on('error', () => resolve());
  socket.once('connect', () => socket.send(new Uint8Array(1), () => resolve()));
  socket.connect(DISCARD, address);
  await promise;
  socket.close();
}

/**
 * Whether a machine replies, by its row among the kernel's neighbours after `waited` ms: `pending` while that may
 * change, undefined where the kernel does not ask for it.
 */
function replyIn(mac: string | undefined, waited: number): boolean | 'pending' | undefined {
  if (mac === undefined) return waited >= ENTRY_MS ? undefined : 'pending';
  if (mac !== '') return true;
  return waited >= ARP_MS ? false : 'pending';
}

/** Asks whether the router of a lease is there; undefined where the kernel does not ask for addresses. */
export async function askGateway(
  { if: link, gateways }: Pick<Lease, 'if' | 'gateways'>,
  procNet: string,
  signal: AbortSignal,
): Promise<Asked | undefined> {
  const [address] = gateways;
  if (address === undefined || isIP(address) !== 4) return undefined;
  await nudge(address);
  const started = performance.now();
  for (;;) {
    const arp = (await readIfThere(path.join(procNet, 'arp'))) ?? '';
    const replies = replyIn(neighbourIn(arp, address, link), performance.now() - started);
    if (replies === undefined) return undefined;
    if (replies !== 'pending') return { address, replies };
    await sleep(LOOK_MS, signal);
  }
}

/** Asks a name server twice. Any reply of it counts; the socket is connected, and takes no packet of others. */
async function askNameServer(address: string, port: number, signal: AbortSignal): Promise<Asked> {
  const id = randomInt(0x1_00_00);
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const ask = (): void => socket.send(encodeQuestion(id), () => {});
  let again: NodeJS.Timeout | undefined;
  socket.once('connect', () => {
    ask();
    again = setTimeout(ask, DNS_AGAIN_MS);
  });
  // A packet that cannot be sent is one without a reply.
  socket.on('error', () => {});
  socket.on('message', (message) => {
    if (isReplyTo(message, id)) resolve(true);
  });
  const end = setTimeout(() => resolve(false), DNS_MS);
  const stop = (): void => resolve(false);
  signal.addEventListener('abort', stop);
  socket.connect(port, address);
  try {
    return { address, replies: await promise };
  } finally {
    signal.removeEventListener('abort', stop);
    clearTimeout(again);
    clearTimeout(end);
    socket.close();
  }
}

/** Asks the name servers in the node's resolv.conf. One on a link (`fe80::1%eth0`) is left out. */
export async function askNameServers(
  resolvConf: string,
  signal: AbortSignal,
  port = DNS,
): Promise<readonly Asked[]> {
  const text = (await readIfThere(resolvConf)) ?? '';
  const servers = [...text.matchAll(/^nameserver\s+(\S+)/gm)].map(([, address = '']) => address);
  const known = servers.filter((address) => isIP(address) !== 0 && !address.includes('%'));
  return Promise.all(known.map((address) => askNameServer(address, port, signal)));
}
