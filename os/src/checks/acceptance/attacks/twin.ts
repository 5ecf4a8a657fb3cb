import * as v from 'valibot';

import { waitReady } from '../../../lab/boot.ts';
import type { SeenEvent } from '../../../lab/qemu/console.ts';
import { type Assertion, demand } from '../assertion.ts';
import { createToken, newToken, turnOn, type Untrusted } from '../untrusted-node.ts';
import { firstName, OWN_NAME } from './hostile-state.ts';

const TWIN = 'twin.img';
const TWICE = /^KIOS_INIT_DATA_TWICE$/;
const DISKS = ['/dev/vda', '/dev/vdb'] as const;
const EVENT_DEADLINE_MS = 300_000;
const CONDITION = 'StateInMemory';

const Node = v.object({ status: v.object({ nodeInfo: v.object({ machineID: v.string() }) }) });

const ofInit =
  (ev: string) =>
  (event: SeenEvent): boolean =>
    event.agent === 'init' && event.ev === ev;

/** One boot of a fresh disk beside a twin of it. The node runs from RAM, and nobody names it. */
export const TWIN_CASES: readonly Assertion<Untrusted>[] = [
  {
    name: 'two fresh disks: an error names both, neither is used, and the node runs from RAM',
    check: async (subject) => {
      const { machine, image, join, kubectl } = subject;
      await machine.create(image);
      await machine.copyDisk(image, TWIN);
      const token = newToken();
      await createToken(kubectl, token);
      const { nodeName: _, ...unnamed } = join;
      const { console } = await turnOn(
        subject,
        { ...unnamed, token },
        { disks: [TWIN], quietCard: false },
      );
      await console.expect('a node in RAM', ofInit('data.ram'), EVENT_DEADLINE_MS);
      const failed = console.events.find(ofInit('data.failed'));
      const said = JSON.stringify(failed?.fields);
      demand(
        failed !== undefined && TWICE.test(String(failed.fields['code'])),
        `data.failed: ${said}`,
      );
      demand(
        DISKS.every((disk) => said.includes(disk)),
        `it does not name both: ${said}`,
      );
      demand(!console.events.some(ofInit('data.mounted')), 'a data partition was mounted');
      return String(failed.fields['cause']);
    },
  },
  {
    name: 'a node that nobody named has a name that is only its machine’s, and joins under it',
    check: async (subject) => {
      const { kubectl, node, signal } = subject;
      demand(node !== undefined, 'the node was not started');
      const name = await firstName(subject);
      demand(OWN_NAME.test(name), `it is called ${name}`);
      await waitReady(node, kubectl, name, signal);
      const { status } = v.parse(Node, await kubectl.get('node', name));
      subject.own = { name, machineId: status.nodeInfo.machineID };
      return name;
    },
  },
  {
    name: `a node whose state is in RAM has the condition ${CONDITION}`,
    check: async ({ kubectl, own }) => {
      demand(own !== undefined, 'the node did not join');
      await kubectl.wait(['wait', `--for=condition=${CONDITION}`, `node/${own.name}`]);
      await kubectl.call(['delete', 'node', own.name, '--wait=false']);
      return `${own.name}: ${CONDITION}=True`;
    },
  },
];

/** This holds of the same machine on another disk. */
export const SAME_MACHINE: Assertion<Untrusted> = {
  name: 'the machine has the same id as before, on another disk and without the RAM of then',
  check: async ({ kubectl, join, own }) => {
    const { status } = v.parse(Node, await kubectl.get('node', join.nodeName));
    const id = status.nodeInfo.machineID;
    demand(id === own?.machineId, `machine id ${id}, before ${own?.machineId}`);
    return id;
  },
};
