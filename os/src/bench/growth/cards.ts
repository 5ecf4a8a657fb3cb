import { MILESTONES } from '../../lab/phases.ts';
import type { SeenEvent } from '../../lab/qemu/console.ts';
import { startBench } from '../machine.ts';
import type { Rig } from './rig.ts';
import { measured, type Sample, type Series, type View } from './series.ts';

const COUNTS = [1, 2, 4, 8, 16] as const;
const MEMORY_MIB = 2048;
const DEADLINE_MS = 900_000;

const VIEW: View = {
  title: 'Boot against network cards',
  x: { title: 'network cards, each on a network of its own', kind: 'linear' },
  panels: [
    {
      title: 'seconds at 1 GIPS',
      lines: [
        measured('first pod', 'firstPodSeconds'),
        measured('first lease', 'firstLeaseSeconds'),
        measured('last lease', 'lastLeaseSeconds'),
      ],
    },
  ],
};

/** Returns arguments of QEMU that add cards to the machine's first, whose network is 10.0.2.0/24. */
export const furtherCards = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => [
    '-netdev',
    `user,id=net${index + 1},net=10.0.${index + 3}.0/24,restrict=on`,
    '-device',
    `virtio-net-pci,netdev=net${index + 1},romfile=`,
  ]).flat();

/** Returns a test of events for the lease of the last of so many links. */
export function lastLeaseOf(count: number): (event: SeenEvent) => boolean {
  const links = new Set<unknown>();
  return (event) => {
    if (!MILESTONES.lease.reachedBy(event)) return false;
    links.add(event.fields['link']);
    return links.size >= count;
  };
}

async function measureCards({ context, shipped }: Rig, count: number): Promise<Sample> {
  const { efi } = await shipped();
  const boot = ['-kernel', efi, ...furtherCards(count - 1)];
  await using machine = await startBench({ boot, memoryMiB: MEMORY_MIB }, context.undo);
  const { console } = machine;
  const last = await console.expect(`${count} leases`, lastLeaseOf(count), DEADLINE_MS);
  const upOf = (reached: (event: SeenEvent) => boolean): number =>
    (console.events.find(reached) ?? last).up;
  return {
    x: count,
    values: {
      firstPodSeconds: upOf(MILESTONES.firstPod.reachedBy),
      firstLeaseSeconds: upOf(MILESTONES.lease.reachedBy),
      lastLeaseSeconds: last.up,
    },
  };
}

/** How a boot depends on the number of network cards. */
export const cardsSeries = (rig: Rig): Series => ({
  view: VIEW,
  steps: COUNTS.map((count) => ({
    key: `${count} cards`,
    measure: async () => ({ samples: [await measureCards(rig, count)] }),
  })),
});
