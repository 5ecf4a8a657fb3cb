import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { addressToHex, type DhcpPacket, optionOf, readPcap, typeName } from '@kios/testkit/dhcp';

import { CONSOLE_SOCKET, EVENTS } from '../../../guest/src/scripts.ts';
import { startOnHost } from '../../lab/debug-pod.ts';
import { scriptCommand } from '../../lab/guest-program.ts';
import { NODE_ADDRESS } from '../../lab/node.ts';
import { MACHINE_FILES } from '../../lab/qemu/arguments.ts';
import type { Machine } from '../../lab/qemu/machine.ts';
import { qmp } from '../../lab/qemu/qmp.ts';
import { demand, type Assertion } from './assertion.ts';
import { nextEvent } from './next-event.ts';
import type { Untrusted } from './untrusted-node.ts';

/** The network of the node in `arguments.ts`. */
const NETWORK = 'net0';
const PROBE = 'cable-probe';
const DEADLINE_MS = 120_000;
const POLL_MS = 200;

const setLink = (machine: Machine, up: boolean): Promise<unknown> =>
  qmp(machine.dir, MACHINE_FILES.qmp, 'set_link', { name: NETWORK, up });

const isAck = (packet: DhcpPacket): boolean => typeName(packet) === 'ack';

/** Pulls the node's cable, calls `pulled`, plugs it in again, and returns the DHCP packets that follow. */
async function replug(machine: Machine, pulled: () => Promise<void>): Promise<DhcpPacket[]> {
  const name = 'cable.pcap';
  const file = path.join(machine.dir, name);
  // By its name alone: QEMU runs in the machine's folder, and may not enter those above it.
  const dump = { id: 'cable', netdev: NETWORK, file: name };
  await setLink(machine, false);
  try {
    await pulled();
    await qmp(machine.dir, MACHINE_FILES.qmp, 'object-add', { 'qom-type': 'filter-dump', ...dump });
  } finally {
    await setLink(machine, true);
  }
  for (let end = Date.now() + DEADLINE_MS; Date.now() < end;) {
    const packets = readPcap(await readFile(file));
    if (packets.some(isAck)) {
      await qmp(machine.dir, MACHINE_FILES.qmp, 'object-del', { id: dump.id });
      return packets;
    }
    await sleep(POLL_MS);
  }
  demand(false, 'no server acknowledged the address again');
}

export const CABLE_ASSERTIONS: readonly Assertion[] = [
  {
    name: 'cable pulled and plugged in again: address and route stay, and dhcp requests the same address',
    check: async (subject) => {
      const { kubectl, nodeName, machine } = subject;
      const watching = nextEvent(subject.console, PROBE, EVENTS.watching);
      const seen = nextEvent(subject.console, PROBE, EVENTS.seen);
      const pod = await startOnHost(kubectl, {
        nodeName,
        command: await scriptCommand('watch-cable', {
          agent: PROBE,
          socket: CONSOLE_SOCKET,
          deadlineMs: DEADLINE_MS,
        }),
        sockets: [CONSOLE_SOCKET],
      });
      await watching(DEADLINE_MS);
      const packets = await replug(machine, async () => {
        const { fields } = await seen(DEADLINE_MS);
        demand(
          JSON.stringify(fields['addresses']).includes(`"${NODE_ADDRESS}"`),
          `the link had ${JSON.stringify(fields)}`,
        );
        demand(fields['routes'] === 1, `the link had ${String(fields['routes'])} default routes`);
      });
      const requests = packets.filter(({ op }) => op === 1);
      for (const request of requests) {
        demand(typeName(request) === 'request', `it sent a ${typeName(request)}`);
        demand(
          optionOf(request, 50) === addressToHex(NODE_ADDRESS),
          'it requested another address',
        );
        demand(
          optionOf(request, 54) === undefined,
          'it named a server, which INIT-REBOOT does not',
        );
      }
      await kubectl.wait(['wait', '--for=condition=Ready', `node/${nodeName}`]);
      await kubectl.call(['delete', 'pod', pod, '--wait=false']);
      return `${NODE_ADDRESS} stayed; ${requests.length} request, no discover`;
    },
  },
];

/** An untrusted node boots with a network card before the one that works. */
export const RACE_ASSERTION: Assertion<Untrusted> = {
  name: 'two network cards, no server on the first: the second gets its address at once',
  check: async ({ node }) => {
    demand(node !== undefined, 'the node was not started');
    const { events } = node.console;
    const carriers = events.filter(({ agent, ev }) => agent === 'dhcp' && ev === 'link.carrier');
    const links = new Set(carriers.map(({ fields }) => String(fields['link'])));
    demand(links.size === 2, `links with carrier: ${[...links].join(', ')}`);
    const bound = events.find(({ agent, ev }) => agent === 'dhcp' && ev === 'lease.bound');
    const wait = Number(bound?.fields['ms_since_carrier']);
    demand(bound?.fields['link'] === 'eth1', `bound: ${JSON.stringify(bound?.fields)}`);
    demand(wait < 3000, `${wait} ms after its carrier`);
    return `eth1 bound ${wait} ms after its carrier, eth0 still discovers`;
  },
};
