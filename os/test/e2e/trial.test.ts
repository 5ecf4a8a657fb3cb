import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import type { Tree } from '../../src/build/formats/tree.ts';
import { buildImage } from '../../src/build/image/build-image.ts';
import { STORE } from '../../src/build/store/store.ts';
import { down } from '../../src/lab/down.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { distDir } from '../../src/workstation/paths.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';
import { type Run, SlotMachine } from '../support/slots.ts';
import { withWords } from '../support/systems.ts';
import { BrokenSystems, treeWithout } from '../support/trial/broken-systems.ts';

const BUILD_MS = 70 * 60_000;
/** Three starts of a system that ends within seconds, and the one after them. */
const FAST_MS = 10 * 60_000;
/** Quarter of an hour of the node's clock. */
const SLOW_MS = 30 * 60_000;
/** Room for the making of the system, for the failure to be told, and for the medium. */
const BESIDES_MS = 5 * 60_000;

/**
 * One nanosecond for each instruction, and none for idling: a quarter of an hour passes in minutes. Not for a kernel
 * that panics: it counts the seconds to its reset in instructions.
 */
const COUNTED = { devices: ['-icount shift=0,sleep=off'], cpus: 1 };

const ALL_USED = ['kios-0001.conf', 'kios-0002+0-3.conf'];
const GOOD_RUNS = '"ev":"slots.running","generation":1';
const FELL = '"ev":"slots.fell","generation":2';
const GIVEN_UP = '"ev":"slots.given-up","generation":2';

const origin = { name: 'test', version: '1', kind: 'kios' } as const;
const KUBELET = '/lib/kios/kubelet.yaml';

/** Roots with which a node does not work, though the kernel and init do. */
const ROOTS: Readonly<Record<string, (files: Tree) => Tree>> = {
  'containerd missing': (files) => treeWithout(files, (where) => where === '/bin/containerd'),
  'a configuration that kubelet refuses': (files) =>
    treeWithout(files, () => false).text(KUBELET, 'kind: Nothing\n', origin),
  'no images of its static pods': (files) =>
    treeWithout(files, (where) => where.startsWith(`${STORE}/`)),
};

// A system on trial whose kernel starts, and which is no node.
await describeRecorded('trial', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  let folder: string;
  let efi: Buffer;
  let machine: SlotMachine;
  let counted: SlotMachine;
  let systems: BrokenSystems;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'kios-trial-'));
    await down(silent, { purge: true });
    await ensurePackages(['build', 'machine'], progress);
    const request = { arch: 'amd64', progress } as const;
    const built = await buildImage(request);
    efi = await readFile(built.efi);
    systems = await BrokenSystems.of(efi, distDir('amd64'), request);
    machine = new SlotMachine(built.image);
    counted = new SlotMachine(built.image, COUNTED);
  }, BUILD_MS);

  afterAll(async () => {
    await down(silent, { purge: true });
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }, 120_000);

  /** Starts a system on trial with this counter, and waits until the good one says that it came back. */
  async function fall(on: SlotMachine, trial: Uint8Array, counter: string): Promise<Run> {
    await on.flash(trial, counter);
    await on.setFallback();
    const run = await on.startUntilSaid(FELL, on === counted ? SLOW_MS : FAST_MS);
    expect(run.said).toContain(GOOD_RUNS);
    expect(run.entries).toEqual(ALL_USED);
    return run;
  }

  it('a system that works is confirmed', { timeout: SLOW_MS + BESIDES_MS }, async () => {
    await counted.flash(efi, '+3-0');
    await counted.setFallback();
    const confirmed = '"ev":"slots.blessed","generation":2';
    const { entries } = await counted.startUntilSaid(confirmed, SLOW_MS);
    expect(entries).toEqual(['kios-0001.conf', 'kios-0002.conf']);
    const again = '"ev":"slots.running","generation":2,"state":"good"';
    expect((await counted.startUntilSaid(again, FAST_MS)).entries).toEqual(entries);
  });

  it('a kernel that panics is tried three times', { timeout: FAST_MS + BESIDES_MS }, async () => {
    const { said } = await fall(machine, await withWords(efi, 'rdinit=/nothing'), '+3-0');
    expect(said.split('Kernel panic').length - 1).toBe(3);
  });

  it('an init that ends is tried three times', { timeout: FAST_MS + BESIDES_MS }, async () => {
    const { said } = await fall(machine, await systems.withEndingInit(folder), '+3-0');
    expect(said.split('Kernel panic').length - 1).toBe(3);
  });

  it('a damaged root is tried three times', { timeout: FAST_MS + BESIDES_MS }, async () => {
    const { said } = await fall(machine, await systems.withoutRootsHead(), '+3-0');
    expect(said.split('KIOS_INIT_ROOT').length - 1).toBe(3);
  });

  it.each(Object.keys(ROOTS))(
    'a system with %s is given up after a quarter of an hour',
    { timeout: SLOW_MS + BESIDES_MS },
    async (kind) => {
      const { said } = await fall(counted, await systems.withRoot(ROOTS[kind]!), '+1-2');
      expect(said).toContain(GIVEN_UP);
    },
  );
});
