import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { addressToHex, type DhcpPacket, optionOf, readPcap, typeName } from '@kios/testkit/dhcp';

import { EVENTS } from '../../../guest/src/scripts.ts';
import { NODE_ADDRESS } from '../../lab/node.ts';
import { MACHINE_FILES } from '../../lab/qemu/arguments.ts';
import type { Machine } from '../../lab/qemu/machine.ts';
import { qmp } from '../../lab/qemu/qmp.ts';
import { demand, type Assertion } from './assertion.ts';
import { startOnHost } from './debug-pod.ts';
import { scriptCommand } from './guest-program.ts';
import { nextEvent } from './next-event.ts';
import type { Untrusted } from './untrusted.ts';

/** As `arguments.ts` calls the network that answers. */
const NETWORK = 'net0';
const CONSOLE_SOCKET = '/run/kios/control/console.sock';
const PROBE = 'cable-probe';
const DEADLINE_MS = 120_000;
const POLL_MS = 200;

const setLink = (machine: Machine, up: boolean): Promise<unknown> =>
  qmp(machine.dir, MACHINE_FILES.qmp, 'set_link', { name: NETWORK, up });

const isAck = (packet: DhcpPacket): boolean => typeName(packet) === 'ack';

/** Pulls the cable of the node, lets `pulled` look, and puts it back; answers what DHCP said then. */
async function replug(machine: Machine, pulled: () => Promise<void>): Promise<DhcpPacket[]> {
  const file = path.join(machine.dir, 'cable.pcap');
  const dump = { id: 'cable', netdev: NETWORK, file };
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
  demand(false, 'no server granted the address again');
}

export const CABLE_ASSERTIONS: readonly Assertion[] = [
  {
    name: 'cable pulled and put back: address and route stay, the server is asked for that very address',
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
          'it asked for another address',
        );
        demand(
          optionOf(request, 54) === undefined,
          'it named a server, which INIT-REBOOT does not',
        );
      }
      await kubectl.call(['wait', '--for=condition=Ready', `node/${nodeName}`, '--timeout=120s']);
      await kubectl.call(['delete', 'pod', pod, '--wait=false']);
      return `${NODE_ADDRESS} stayed; ${requests.length} request, no discover`;
    },
  },
];

/** Boots of an untrusted node have a card before the one that works. */
export const RACE_ASSERTION: Assertion<Untrusted> = {
  name: 'two network cards, nobody answers on the first: the second one gets its address at once',
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
    return `eth1 bound ${wait} ms after its carrier, eth0 still asks`;
  },
};
