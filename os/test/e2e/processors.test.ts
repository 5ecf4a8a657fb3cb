import { afterEach, beforeAll, expect, it } from 'vitest';

import { buildImage } from '../../src/build/image/build-image.ts';
import { powerOn } from '../../src/lab/boot.ts';
import { down } from '../../src/lab/down.ts';
import { labMachine } from '../../src/lab/node.ts';
import { MILESTONES } from '../../src/lab/phases.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';

const BUILD_MS = 60 * 60_000;
const BOOT_MS = 5 * 60_000;

/** The kernel writes other code into itself for each generation: its mitigations differ. */
const MODELS = [
  ['Westmere', 'Intel, 2010'],
  ['Haswell-noTSX', 'Intel, 2013'],
  ['Skylake-Server', 'Intel, 2017'],
  ['Icelake-Server', 'Intel, 2019'],
  ['EPYC', 'AMD Zen 1'],
  ['EPYC-Rome', 'AMD Zen 2'],
  ['EPYC-Milan', 'AMD Zen 3'],
] as const;

/** With page tables isolated: the lab's guests have no such thing where they are emulated. */
const AS_ON_MACHINES = ['no_timer_check'];

await describeRecorded('processors', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  const machine = labMachine();
  let image: string;

  beforeAll(async () => {
    await ensurePackages(['build', 'machine'], progress);
    ({ image } = await buildImage({ arch: 'amd64', progress }));
  }, BUILD_MS);

  afterEach(() => down(silent, { purge: true }), 120_000);

  it.each(MODELS)('%s (%s) runs pods', { timeout: BOOT_MS + 60_000 }, async (processor) => {
    await down(silent, { purge: true });
    await machine.create(image);
    const node = await powerOn(machine, {
      accelerator: await chooseAccelerator(),
      processor,
      memoryMiB: 2048,
      cpus: 2,
      workstationPorts: [],
      words: AS_ON_MACHINES,
    });
    try {
      const { name, reachedBy } = MILESTONES.firstPod;
      const pod = await node.console.expect(name, reachedBy, BOOT_MS);
      const failed = node.console.events.filter(({ ev }) => ev === 'host.failed');
      expect(failed.map(({ fields }) => fields)).toEqual([]);
      progress.info(`${processor}: first pod after ${pod.up} s`);
    } finally {
      node.console[Symbol.dispose]();
    }
  });
});
