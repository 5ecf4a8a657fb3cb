import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { readHypervisorClock } from '../../../src/edge/sources/node-facts.ts';

describe("the hypervisor's clock", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'kios-ptp-'));
    await mkdir(path.join(folder, 'dev'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const clock = async (device: string, name: string): Promise<void> => {
    await mkdir(path.join(folder, 'class', device), { recursive: true });
    await writeFile(path.join(folder, 'class', device, 'clock_name'), `${name}\n`);
  };
  const read = () => readHypervisorClock(path.join(folder, 'class'), path.join(folder, 'dev'));

  it.each(['KVM virtual PTP', 'hyperv', 'ptp_vmclock', 'vmclock0'])(
    'is the one that the kernel calls %s',
    async (name) => {
      await clock('ptp0', 'ixgbe-82599-ptp');
      await clock('ptp1', name);
      const device = path.join(folder, 'dev/ptp1');
      await writeFile(device, '');
      expect(await read()).toEqual({ name, device, fault: undefined });
    },
  );

  it('is closed to a container that lacks its device', async () => {
    await clock('ptp0', 'hyperv');
    const device = path.join(folder, 'dev/ptp0');
    const fault = `the pod cannot open ${device}: ENOENT`;
    expect(await read()).toEqual({ name: 'hyperv', device, fault });
  });

  it('is no clock of a network card', async () => {
    for (const name of ['ena-ptp-05', 'mlx5_ptp', 'KVM virtual PTP 2']) await clock('ptp0', name);
    expect(await read()).toBeUndefined();
    await rm(path.join(folder, 'class'), { recursive: true });
    expect(await read()).toBeUndefined();
  });
});
