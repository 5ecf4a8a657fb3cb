import { randomUUID } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';

import { freePort } from '../../../workstation/free-port.ts';
import { type Assertion, demand } from '../assertion.ts';
import { createGuest, deleteGuest } from '../guest-pod.ts';
import { resultsOf } from '../guest.ts';

/** The workstation as QEMU's user network shows it to a guest. */
const WORKSTATION = ['10.0.2.2', '[fec0::2]'] as const;
/** Returns the addresses of the loopback to which these lead. Not every workstation has IPv6. */
const loopback = (): string[] =>
  Object.values(networkInterfaces()).flatMap((all) =>
    (all ?? []).flatMap(({ address }) => (/^(127\.0\.0\.1|::1)$/.test(address) ? [address] : [])),
  );

/** Listens on a port of the workstation's loopback, and counts what arrives there. */
class Bait implements Disposable {
  readonly port: number;
  seen = 0;
  readonly #sockets: (Server | Socket)[] = [];

  private constructor(port: number) {
    this.port = port;
  }

  static async open(): Promise<Bait> {
    const bait = new Bait(await freePort());
    for (const address of loopback()) {
      const server = createServer((socket) => {
        bait.seen += 1;
        socket.end('secret\r\n');
      });
      const datagrams = createSocket(address.includes(':') ? 'udp6' : 'udp4');
      datagrams.on('message', () => (bait.seen += 1));
      bait.#sockets.push(server, datagrams);
      await once(server.listen(bait.port, address), 'listening');
      await once(datagrams.bind(bait.port, address), 'listening');
    }
    return bait;
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.close();
  }
}

export const LOOPBACK_ASSERTIONS: readonly Assertion[] = [
  {
    name: 'of the workstation’s loopback the guest reaches the API server and nothing else',
    check: async ({ kubectl, nodeName, machine, endpoint }) => {
      const exposed = (await machine.running())?.exposed;
      demand(exposed === undefined, `the machine has no network of its own: ${exposed}`);
      using bait = await Bait.open();
      const api = `tcp://${new URL(endpoint).host}`;
      const baits = ['udp', 'tcp'].flatMap((kind) =>
        WORKSTATION.map((host) => `${kind}://${host}:${bait.port}`),
      );
      const name = `reach-${randomUUID().slice(0, 8)}`;
      try {
        await createGuest(kubectl, {
          name,
          nodeName,
          args: ['reach', ...baits, api],
          privileged: { hostNetwork: true },
        });
        const replies = await resultsOf(kubectl, name, [...baits, api]);
        const said = [...replies].map(([address, reply]) => `${address}: ${reply}`).join(', ');
        // The API server speaks TLS and says so to others.
        demand(replies.get(api)?.startsWith('HTTP/1.0 400') === true, said);
        demand(bait.seen === 0, `port ${bait.port} of the workstation was reached: ${said}`);
        return said;
      } finally {
        await deleteGuest(kubectl, name);
      }
    },
  },
];
