import { describe, expect, it } from 'vitest';

import { explainModules, findDriverless } from '../../src/core/devices/diagnose.ts';
import { emptyConfig } from '../../src/core/index/modprobe-config.ts';
import { ModuleIndex } from '../../src/core/index/module-index.ts';
import { setUp } from '../support/fake-kernel.ts';

const NIC = 'virtio:d00000001v00001AF4';
const DISK = 'pci:v00001B36d00000010sv0sd0bc01sc08i02';
const RARE = 'pci:v00001077d00001';

async function find(facts: ReturnType<typeof setUp>, all?: ModuleIndex): Promise<object[]> {
  const found: object[] = [];
  for await (const each of findDriverless(facts, all)) found.push(each);
  return found;
}

describe('why', () => {
  it('names devices, file, parameters and dependents of a module', async () => {
    const facts = setUp({ params: { failover: 'a=1' } });
    facts.devices.aliases = () => [NIC, DISK];
    facts.devices.drivers.set(`/sys/devices/${NIC}`, 'virtio_net');
    for (const name of ['virtio', 'failover', 'virtio_net']) facts.kernel.live.set(name, 'live');
    expect(await explainModules(facts, ['virtio_net', 'failover'])).toEqual([
      {
        name: 'virtio_net',
        state: 'live',
        file: 'k/virtio_net.ko',
        devices: [{ device: `/sys/devices/${NIC}`, alias: NIC, driver: 'virtio_net' }],
        neededBy: [],
      },
      {
        name: 'failover',
        state: 'live',
        file: 'k/failover.ko',
        params: 'a=1',
        devices: [],
        neededBy: ['virtio_net'],
      },
    ]);
  });

  it('names the rule that keeps a module from its device', async () => {
    const facts = setUp();
    facts.config.blacklist.add('nvme');
    facts.devices.aliases = () => [DISK];
    expect(await explainModules(facts, ['nvme'])).toMatchObject([
      { state: 'absent', rule: 'blacklist', devices: [{ alias: DISK }] },
    ]);
  });

  it('knows what is built in', async () => {
    expect((await explainModules(setUp(), ['ext4']))[0]).not.toHaveProperty('file');
  });
});

describe('missing', () => {
  const complete = new ModuleIndex(
    (file) => (file === 'modules.alias' ? 'alias pci:v00001077d* qla2xxx\n' : ''),
    emptyConfig(),
  );
  it('names the module that this image lacks', async () => {
    const facts = setUp();
    facts.devices.aliases = () => [RARE];
    expect(await find(facts, complete)).toEqual([
      {
        device: `/sys/devices/${RARE}`,
        aliases: [RARE],
        modules: [],
        fits: ['qla2xxx'],
        why: 'its module is not in this image',
      },
    ]);
    expect(await find(facts)).toMatchObject([{ fits: [], why: 'no module is known for it' }]);
  });

  it('leaves out what has a driver, or needs none', async () => {
    const facts = setUp();
    facts.devices.aliases = () => [
      DISK,
      'acpi:PNP0A08:',
      'pci:v0d0sv0sd0bc06sc00i00',
      'cpu:type:x',
    ];
    facts.devices.drivers.set(`/sys/devices/${DISK}`, 'nvme');
    facts.kernel.live.set('nvme', 'live');
    expect(await find({ ...facts })).toEqual([]);
  });

  it.each([
    ['denied by deny: nvme', { deny: ['nvme'] }, undefined],
    ['coldplug leaves it out', { coldplug: { skip: ['pci:*'] } }, undefined],
    ['its module is not loaded', {}, undefined],
    ['its driver is loaded and has not taken it', {}, 'live' as const],
  ])('says why: %s', async (why, settings, state) => {
    const facts = setUp(settings);
    facts.devices.aliases = () => [DISK];
    if (state !== undefined) facts.kernel.live.set('nvme', state);
    expect(await find(facts)).toMatchObject([{ why, modules: ['nvme'] }]);
  });
});
