import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { buildImage } from '../../src/build/image/build-image.ts';
import { type BootedNode, powerOn } from '../../src/lab/boot.ts';
import { down } from '../../src/lab/down.ts';
import { labMachine } from '../../src/lab/node.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import type { SeenEvent } from '../../src/lab/qemu/console.ts';
import { writeToData } from '../../src/lab/qemu/data-partition.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import {
  ARGUMENTS,
  AT_BOOT,
  CROWD,
  DENIED,
  LATE,
  LATE_MODULES,
  PLUGS,
  statesOf,
} from '../support/modules/machine.ts';
import {
  MODULES,
  UNSIGNED,
  unsignedManifest,
  WATCHER,
  watcherManifest,
} from '../support/modules/pods.ts';
import { describeRecorded } from '../support/recorded.ts';

const BUILD_MS = 70 * 60_000;
const BOOT_MS = 30 * 60_000;
const EVENT_MS = 10 * 60_000;
const MOST_RESIDENT_KIB = 40 * 1024;
/** A path on the data partition that appears in the overlay of /etc. */
const inEtc = (file: string): string => `/meta/etc/${file}`;

await describeRecorded('modules', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  const machine = labMachine();
  let node: BootedNode;

  /** In the order of their times: two lines that are sent at once may change places on the console. */
  const seen = (agent: string, ev: string): readonly SeenEvent[] =>
    node.console.events
      .filter((event) => event.agent === agent && event.ev === ev)
      .toSorted((one, other) => one.up - other.up);

  /** Returns the last report of each device. */
  const states = (): ReadonlyMap<unknown, unknown> =>
    new Map(
      seen(WATCHER, 'device').map(({ fields: { name, driver, module, shows, gone } }) => [
        name,
        gone === true ? 'gone' : { driver, ...(module === undefined ? {} : { module }), shows },
      ]),
    );

  const eventually = (check: () => void, timeout = EVENT_MS): Promise<void> =>
    vi.waitFor(check, { timeout, interval: 200 });
  const expectStates = (wanted: Readonly<Record<string, unknown>>): Promise<void> =>
    eventually(() => expect(Object.fromEntries(states())).toMatchObject(wanted));

  /** Returns what the loader's log says with one event: the module, and the field that matters. */
  const logged = (ev: string, field: string): unknown[] =>
    seen(WATCHER, 'loader')
      .filter(({ fields }) => fields['of'] === ev)
      .map(({ fields }) => [fields['name'], fields[field]]);

  const isLoaded = (name: string): unknown =>
    seen(WATCHER, 'module').findLast(({ fields }) => fields['name'] === name)?.fields['loaded'];

  beforeAll(async () => {
    await down(silent, { purge: true });
    await ensurePackages(['build', 'machine'], progress);
    const { image } = await buildImage({ arch: 'amd64', progress });
    await machine.create(image);
    await writeToData(machine.file('disk'), {
      [inEtc(`kubernetes/manifests/${WATCHER}.yaml`)]: { content: await watcherManifest() },
      [inEtc(`kubernetes/manifests/${UNSIGNED}.yaml`)]: { content: unsignedManifest() },
      [inEtc('kios/modules/modules.yaml')]: { content: DENIED.policy },
    });
    node = await powerOn(machine, {
      accelerator: await chooseAccelerator(),
      memoryMiB: 2048,
      cpus: 2,
      workstationPorts: [],
      devices: ARGUMENTS,
    });
  }, BUILD_MS);

  afterAll(async () => {
    node?.console[Symbol.dispose]();
    await down(silent, { purge: true });
  }, 120_000);

  it('has the driver of each device', { timeout: BOOT_MS }, async () => {
    await eventually(
      () => expect(Object.fromEntries(states())).toMatchObject(statesOf(AT_BOOT)),
      BOOT_MS,
    );
  });

  it('keeps out what is denied, and tells of what needs it', { timeout: EVENT_MS }, async () => {
    const { module, dependent } = DENIED;
    await machine.plug(PLUGS.reader);
    await eventually(() => {
      expect(logged('mod.denied', 'rule')).toEqual([[module, `deny: ${module}`]]);
      expect(logged('mod.fail', 'why')).toEqual([[dependent, `it needs ${module}`]]);
    });
    expect(states().get('sdhci-pci')).toMatchObject({ driver: '' });
    expect([isLoaded(module), isLoaded(dependent)]).toEqual([false, false]);
  });

  it('refuses a module without a signature, with the reason', { timeout: EVENT_MS }, async () => {
    const by = new RegExp(`^pod kube-system/${UNSIGNED}`);
    await eventually(() => {
      const told = node.console.events.filter(
        ({ sender, lvl }) => by.test(sender ?? '') && lvl !== 'info',
      );
      expect(told.map(({ fields }) => fields)).toMatchObject([
        {
          ev: 'mod.fail',
          name: MODULES.unsigned,
          errno: 'EKEYREJECTED',
          why: 'signature rejected',
        },
        { err: { code: 'KIOS_MODULE_LOAD' } },
      ]);
      expect([isLoaded(MODULES.unsigned), isLoaded(MODULES.signed)]).toEqual([false, true]);
    });
  });

  it('loads the drivers of a card and a disk as they come', { timeout: 4 * EVENT_MS }, async () => {
    for (const device of [PLUGS.card, PLUGS.controller, PLUGS.disk]) await machine.plug(device);
    await expectStates(statesOf(LATE));
    // Either may be the first, by its event or by the loader's look at all devices, which may come before that.
    await eventually(() => {
      const loads = logged('mod.load', 'name');
      expect(loads).toHaveLength(LATE_MODULES.length);
      expect(loads).toEqual(expect.arrayContaining(LATE_MODULES.map((name) => [name, name])));
    });
    for (const { id } of [PLUGS.card, PLUGS.controller]) await machine.unplug(id);
    await expectStates({ e1000: 'gone', megasas: 'gone' });
    await machine.plug(PLUGS.sameCard);
    await expectStates({ e1000: LATE.e1000.has });
    expect(
      seen('modloader', 'start').filter(({ sender }) => !sender?.includes(UNSIGNED)),
    ).toHaveLength(1);
  });

  it(`rests with ${MOST_RESIDENT_KIB} KiB of memory at most`, { timeout: EVENT_MS }, async () => {
    await eventually(() => expect(seen(WATCHER, 'memory')).toHaveLength(1));
    expect(seen(WATCHER, 'memory')[0]?.fields['residentKiB']).toBeLessThan(MOST_RESIDENT_KIB);
  });

  it('has everything loaded after a kill during a load', { timeout: 4 * EVENT_MS }, async () => {
    await machine.plug(PLUGS.arming);
    await eventually(() => expect(seen(WATCHER, 'armed')).toHaveLength(1));
    for (const device of PLUGS.crowd) await machine.plug(device);
    await eventually(() => expect(seen(WATCHER, 'killed')).toHaveLength(1));
    expect(seen(WATCHER, 'killed')[0]?.fields['during']).toEqual(expect.any(String));
    await eventually(() => expect(seen('modloader', 'ready')).toHaveLength(2));
    await expectStates(statesOf({ ...AT_BOOT, ...CROWD, e1000: LATE.e1000 }));
  });
});
