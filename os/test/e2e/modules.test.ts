import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { nextEvent } from '../../src/checks/acceptance/next-event.ts';
import { bringUp, type UpNode } from '../../src/lab/bring-up.ts';
import { down } from '../../src/lab/down.ts';
import { labMachine } from '../../src/lab/node.ts';
import { type ConsoleEvent, parseConsoleLine } from '../../src/lab/qemu/console-line.ts';
import type { CommandContext } from '../../src/workstation/command-context.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import {
  AT_BOOT,
  CROWD,
  CROWD_DEVICES,
  DENIED,
  type Device,
  DEVICES,
  LATE,
  LATE_CARD,
  LATE_CONTROLLER,
  LATE_DISK,
} from '../support/modules/machine.ts';
import {
  Facts,
  inWatcher,
  KILL,
  KILLER,
  LOOK,
  SIGNED,
  UNSIGNED,
  unsignedPod,
  watcherPod,
  WATCHING,
} from '../support/modules/programs.ts';

const BUILD_AND_BOOT_MS = 70 * 60_000;
const STEP_MS = 4 * 60_000;
const EVENT_MS = 120_000;

const isCi = process.env['CI'] === 'true';
if (!isCi) process.stderr.write('skipped: a node with many devices; CI=true boots it\n');

/** Returns a device as its test expects it, or how it differs. */
function seen({ devices, made }: Facts, { alias, driver, module, shows }: Device): unknown {
  const [found, ...others] = devices.filter((device) => alias.test(device.alias));
  if (found === undefined || others.length > 0) return { found, others };
  const isRight = driver.test(found.driver) && (module ?? /^$/).test(found.module);
  const isMade = shows === 'none' || made[shows]?.some((path) => path.startsWith(`${found.path}/`));
  return isRight && isMade === true ? 'driven' : { ...found, made: made[shows] };
}

describe.skipIf(!isCi)('a node with many devices', () => {
  const context: CommandContext = {
    progress: progressOn({ write: (text) => process.stdout.write(text) }),
    signal: new AbortController().signal,
    undo: new AsyncDisposableStack(),
    print: () => {},
  };
  const machine = labMachine();
  let up: UpNode;

  const loader = (): string => `pod/modloader-${up.nodeName}`;
  const create = (object: unknown): Promise<string> =>
    up.kubectl.call(['create', '-f', '-'], { input: JSON.stringify(object) });
  const look = async (): Promise<Facts> =>
    v.parse(v.pipe(v.string(), v.parseJson(), Facts), await up.kubectl.call(inWatcher(LOOK)));

  const eventsIn = (log: string): ConsoleEvent[] =>
    log.split('\n').flatMap((line) => parseConsoleLine(line) ?? []);
  const loaderEvents = async (): Promise<ConsoleEvent[]> =>
    eventsIn(await up.kubectl.call(['-n', 'kube-system', 'logs', loader()]));

  const eventually = (check: () => Promise<void>): Promise<void> =>
    vi.waitFor(check, { timeout: EVENT_MS, interval: 500 });
  const expectDriven = (device: Device): Promise<void> =>
    eventually(async () => expect(seen(await look(), device)).toBe('driven'));
  const expectGone = ({ alias }: Pick<Device, 'alias'>): Promise<void> =>
    eventually(async () => {
      const { devices } = await look();
      expect(devices.filter((device) => alias.test(device.alias))).toEqual([]);
    });
  const restarts = async (): Promise<string> => {
    const path = '-o=jsonpath={.status.containerStatuses[0].restartCount}';
    return up.kubectl.call(['-n', 'kube-system', 'get', loader(), path]);
  };

  beforeAll(async () => {
    await down(silent, { purge: true });
    up = await bringUp(context, machine, {
      memoryMiB: 2048,
      cpus: 2,
      devices: AT_BOOT,
      extras: { files: [{ path: '/etc/kios/modules/modules.yaml', content: DENIED.policy }] },
    });
    await create(watcherPod(up.nodeName));
    await up.kubectl.call(['wait', '--for=condition=Ready', 'pod/watcher', '--timeout=110s']);
  }, BUILD_AND_BOOT_MS);

  afterAll(async () => {
    await context.undo.disposeAsync();
    await down(silent, { purge: true });
  }, 120_000);

  it('has the driver of each device', { timeout: STEP_MS }, async () => {
    await eventually(async () => {
      const facts = await look();
      expect(DEVICES.map((device) => [device.name, seen(facts, device)])).toEqual(
        DEVICES.map(({ name }) => [name, 'driven']),
      );
      expect(facts.randomness).toContain('virtio_rng');
    });
    const failed = (await loaderEvents()).filter(({ ev }) => ev === 'mod.fail');
    expect(failed).toEqual([]);
  });

  it('loads the drivers of a card and a disk as they come', { timeout: STEP_MS }, async () => {
    await machine.plug(LATE_CARD);
    await machine.plug(LATE_CONTROLLER);
    await machine.plug(LATE_DISK);
    for (const device of Object.values(LATE)) await expectDriven(device);
    const loads = (await loaderEvents()).filter(({ ev }) => ev === 'mod.load');
    const wanted = ['e1000', 'megaraid_sas'];
    expect(
      loads.flatMap(({ fields: { name, by } }) => (wanted.includes(String(name)) ? [by] : [])),
    ).toEqual(['uevent', 'uevent']);
    for (const { id } of [LATE_DISK, LATE_CARD, LATE_CONTROLLER]) await machine.unplug(id);
    for (const device of Object.values(LATE)) await expectGone(device);
    await machine.plug({ ...LATE_CARD, id: 'again' });
    await expectDriven(LATE.card);
    expect(await restarts()).toBe('0');
  });

  it('keeps out what is denied, and tells of whom needs it', { timeout: STEP_MS }, async () => {
    await eventually(async () =>
      expect((await loaderEvents()).map(({ ev }) => ev)).toContain('settings.changed'),
    );
    await machine.plug(DENIED.plugged);
    await eventually(async () => {
      const events = await loaderEvents();
      const told = events.filter(({ ev }) => ev === 'mod.denied' || ev === 'mod.fail');
      expect(
        told.map(({ ev, fields }) => [ev, fields['name'], fields['rule'] ?? fields['why']]),
      ).toEqual([
        ['mod.denied', DENIED.module, `deny: ${DENIED.module}`],
        ['mod.fail', DENIED.dependent, `it needs ${DENIED.module}`],
      ]);
    });
    const { devices, modules } = await look();
    const found = devices.filter(({ alias }) => DENIED.alias.test(alias));
    expect(found).toMatchObject([{ driver: '' }]);
    expect(modules).not.toContain(DENIED.module);
    expect(modules).not.toContain(DENIED.dependent);
  });

  it('refuses a module without a signature, with the reason', { timeout: STEP_MS }, async () => {
    await create(unsignedPod(up.nodeName));
    const done = '--for=jsonpath={.status.containerStatuses[0].state.terminated.exitCode}=71';
    await up.kubectl.call(['wait', done, 'pod/unsigned', '--timeout=110s']);
    const events = eventsIn(await up.kubectl.call(['logs', 'unsigned', '-c', 'load']));
    const of = (ev: string): unknown[] =>
      events.filter((event) => event.ev === ev).map(({ fields }) => fields);
    expect(of('mod.fail')).toMatchObject([
      { name: UNSIGNED, errno: 'EKEYREJECTED', why: 'signature rejected' },
    ]);
    expect(of('mod.load')).toMatchObject([{ name: SIGNED }]);
    const { modules } = await look();
    expect(modules).toContain(SIGNED);
    expect(modules).not.toContain(UNSIGNED);
  });

  it('has everything loaded after a kill during a load', { timeout: STEP_MS }, async () => {
    const { console } = up.node;
    const watching = nextEvent(console, KILLER, WATCHING);
    const ready = nextEvent(console, 'modloader', 'ready');
    const killed = up.kubectl.call(inWatcher(KILL));
    killed.catch(() => {}); // awaited below
    await watching(EVENT_MS);
    for (const device of CROWD) await machine.plug(device);
    expect((await killed).trim()).not.toBe('');
    await ready(EVENT_MS);
    for (const device of [...DEVICES, ...CROWD_DEVICES, LATE.card]) await expectDriven(device);
    expect(await restarts()).toBe('1');
  });
});
