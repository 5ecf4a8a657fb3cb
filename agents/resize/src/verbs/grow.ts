import { type Argv, command } from '@kios/agent';

import { planGrowth } from '../core/growth/plan.ts';
import { growTo, readVolume, sizeOf } from '../edge/growth/volume.ts';

export const grow = command({
  command: 'grow',
  describe: 'Grow the file system of a folder to the size of its partition',
  builder: (args: Argv) =>
    args.options({
      folder: {
        type: 'string',
        default: '/var/lib/kios/resize',
        describe: 'A folder of the file system, mounted with the right to write',
      },
      sysfs: {
        type: 'string',
        default: '/sys',
        describe: 'Where the kernel shows the size of the partition',
      },
    }),
  async run({ folder, sysfs, check, dryRun }, { log }) {
    const volume = await readVolume(folder, sysfs);
    if (check) return;
    const plan = planGrowth(volume);
    if ('skip' in plan) {
      log.info({ ev: 'skipped', why: plan.skip });
      return;
    }
    const before = { deviceBytes: volume.deviceBytes, bytesBefore: volume.bytes };
    if (dryRun) {
      log.info({ ev: 'plan', ...before, ...plan });
      return;
    }
    const started = performance.now();
    growTo(folder, plan.blocks);
    const bytes = sizeOf(folder);
    const isLarger = bytes > volume.bytes;
    const ms = Math.round(performance.now() - started);
    log.info({ ev: isLarger ? 'grown' : 'unchanged', console: isLarger, ...before, bytes, ms });
  },
});
