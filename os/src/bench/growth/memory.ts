import { MILESTONES } from '../../lab/phases.ts';
import { measure } from '../boot.ts';
import type { Rig } from './rig.ts';
import { measured, type Sample, type Series, type View } from './series.ts';

const SIZES_MIB = [512, 1024, 2048, 4096, 8192, 16_384] as const;

const VIEW: View = {
  title: 'Boot against memory',
  x: { title: 'MiB of memory', kind: 'log' },
  panels: [
    {
      title: 'seconds at 1 GIPS',
      lines: [measured('kernel', 'kernelSeconds'), measured('first pod', 'firstPodSeconds')],
    },
  ],
};

async function measureSize({ context, shipped }: Rig, memoryMiB: number): Promise<Sample> {
  const { efi } = await shipped();
  const boot = ['-kernel', efi];
  const { seconds, phases } = await measure(context, { boot, memoryMiB, agent: 'dhcp' });
  const kernelSeconds = phases[MILESTONES.kernel.name];
  return {
    x: memoryMiB,
    values: { firstPodSeconds: seconds, ...(kernelSeconds === undefined ? {} : { kernelSeconds }) },
  };
}

/** How a boot depends on the size of memory. */
export const memorySeries = (rig: Rig): Series => ({
  view: VIEW,
  steps: SIZES_MIB.map((memoryMiB) => ({
    key: `${memoryMiB} MiB`,
    measure: async () => ({ samples: [await measureSize(rig, memoryMiB)] }),
  })),
});
