import { readFile } from 'node:fs/promises';

import { afterAll, beforeAll, expect, it } from 'vitest';

import {
  FLASHED_MODULES,
  LOADER_SETTINGS,
  loaderSettings,
  slotFile,
} from '../../src/build/image/boot-slots.ts';
import { buildImage } from '../../src/build/image/build-image.ts';
import { buildGuard } from '../../src/build/image/guard.ts';
import { down } from '../../src/lab/down.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { entrySection, MACHINES, readPe } from '../support/pe.ts';
import { describeRecorded } from '../support/recorded.ts';
import { type Run, SlotMachine, TRIAL } from '../support/slots.ts';
import { withBrokenKernel } from '../support/systems.ts';

const BUILD_MS = 70 * 60_000;
/** Power-on to the kernel, with a second system in between. */
const START_MS = 5 * 60_000;
/** A start that only the guard's timer ends, or three that end by themselves, and the one after them. */
const HANGING_MS = 15 * 60_000;
/** Room for the failure to be told, and for the medium. */
const BESIDES_MS = 60_000;
const MIB = 2 ** 20;

function forOtherMachine(efi: Buffer): Buffer {
  const copy = Buffer.from(efi);
  copy.writeUInt16LE(MACHINES.arm64, readPe(efi).machineAt);
  return copy;
}

/** Makes an EFI program that hangs: the first instruction, of x86-64, jumps to itself. */
function hanging(program: Buffer): Buffer {
  const pe = readPe(program);
  const { address, offset } = entrySection(pe)!;
  const copy = Buffer.from(program);
  copy.set([0xeb, 0xfe], pe.entry - address + offset);
  return copy;
}

/** Systems that firmware, the loader or the stub cannot start. */
const BAD: Readonly<Record<string, (efi: Buffer) => Buffer>> = {
  garbage: () => Buffer.alloc(MIB, 'no program '),
  'the first half': (efi) => efi.subarray(0, Math.floor(efi.length / 2)),
  'the first 300 bytes': (efi) => efi.subarray(0, 300),
  'an empty file': () => Buffer.alloc(0),
  'a program of another architecture': forOtherMachine,
  'a kernel with one bit flipped': withBrokenKernel,
};

/** Init takes the tries that are left from a system that cannot start, as soon as it can. */
const ONE_TRY_USED = /^kios-0002\+(?:2-1|0-3)\.conf$/;
const NO_TRY_USED = /^kios-0002\+(?:3-0|0-3)\.conf$/;

/** Init has read which systems are on the medium. */
const TOLD: ReadonlySet<string> = new Set(['slots.running', 'slots.off', 'slots.failed']);

/** What one power-on came to. */
interface Started {
  /** How often the guard said that the loader returned. */
  readonly reports: number;
  readonly entries: readonly string[];
}

const judged = ({ said, entries }: Run): Started => ({
  reports: said.split('KIOS_GUARD_LOADER').length - 1,
  entries,
});

// A medium whose newest system cannot be started.
await describeRecorded('slots', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  let machine: SlotMachine;
  let efi: Buffer;
  let modules: Buffer;

  beforeAll(async () => {
    await down(silent, { purge: true });
    await ensurePackages(['build', 'machine'], progress);
    const built = await buildImage({ arch: 'amd64', progress });
    machine = new SlotMachine(built.image);
    efi = await readFile(built.efi);
    modules = await readFile(built.modules);
  }, BUILD_MS);

  afterAll(() => down(silent, { purge: true }), 120_000);

  /** Only the good system has a kernel. Its init tells what runs after it has let go of the partition. */
  const startKernel = async (deadlineMs = START_MS): Promise<Started> =>
    judged(
      await machine.startUntil(({ console }) =>
        console.expect('what runs', ({ ev }) => TOLD.has(ev), deadlineMs),
      ),
    );

  /** Ends before the older system has a kernel, so that init repairs nothing. */
  const startGuard = async (): Promise<Started> =>
    judged(await machine.startUntilSaid('The older system starts.', START_MS));

  it('a fresh medium starts its only system', { timeout: START_MS + BESIDES_MS }, async () => {
    await machine.flash(undefined);
    expect(await startKernel()).toEqual({ reports: 0, entries: ['kios-0001.conf'] });
  });

  it(
    'a system on trial starts, and a try is counted',
    { timeout: START_MS + BESIDES_MS },
    async () => {
      await machine.flash(efi, '+3-0');
      const entries = ['kios-0001.conf', 'kios-0002+2-1.conf'];
      expect(await startKernel()).toEqual({ reports: 0, entries });
    },
  );

  it(
    'a system that came by an update has its own modules',
    { timeout: START_MS + BESIDES_MS },
    async () => {
      await machine.flash(efi, '');
      {
        await using medium = await machine.openMedium();
        await medium.write(slotFile(TRIAL).replace(/efi$/, 'mod'), modules);
        await medium.write(FLASHED_MODULES, Buffer.from('of the system that was flashed'));
      }
      const run = await machine.startUntil(({ console }) =>
        console.expect(
          'its modules',
          ({ ev, fields }) =>
            ev === 'modules.mounted' && String(fields['file']).endsWith('EFI/kios/0002.mod'),
          START_MS,
        ),
      );
      expect(judged(run).reports).toBe(0);
    },
  );

  it.each(Object.keys(BAD))(
    'with %s on trial, the good system starts in the same power-on',
    { timeout: START_MS + BESIDES_MS },
    async (kind) => {
      await machine.flash(BAD[kind]!(efi), '+3-0');
      await machine.setFallback();
      const entries = ['kios-0001.conf', expect.stringMatching(ONE_TRY_USED)];
      expect(await startKernel()).toEqual({ reports: 1, entries });
    },
  );

  it(
    'with no system to fall back to, it starts after three tries',
    { timeout: HANGING_MS + BESIDES_MS },
    async () => {
      await machine.flash(BAD['garbage']!(efi), '+3-0');
      const entries = ['kios-0001.conf', 'kios-0002+0-3.conf'];
      expect(await startKernel(HANGING_MS)).toEqual({ reports: 3, entries });
    },
  );

  it(
    'a system that hangs before its kernel is ended by the guard',
    { timeout: HANGING_MS + BESIDES_MS },
    async () => {
      await machine.flash(hanging((await buildGuard('amd64', silent)).bytes), '+1-2');
      await machine.setFallback();
      const entries = ['kios-0001.conf', 'kios-0002+0-3.conf'];
      expect(await startKernel(HANGING_MS)).toEqual({ reports: 0, entries });
    },
  );

  it(
    'a good system that rots falls back to the one before',
    { timeout: START_MS + BESIDES_MS },
    async () => {
      await machine.flash(BAD['the first half']!(efi), '');
      await machine.setFallback();
      const entries = ['kios-0001.conf', 'kios-0002.conf'];
      expect(await startKernel()).toEqual({ reports: 1, entries });
    },
  );

  it(
    'an entry whose file is missing is passed over',
    { timeout: START_MS + BESIDES_MS },
    async () => {
      await machine.flash(undefined, '+3-0');
      const entries = ['kios-0001.conf', expect.stringMatching(NO_TRY_USED)];
      expect(await startKernel()).toEqual({ reports: 0, entries });
    },
  );

  // Two faults of systemd-boot by which a bad system would be started for ever. A version without them fails here.
  it(
    'the loader cannot count down to a name that exists',
    { timeout: 2 * START_MS + BESIDES_MS },
    async () => {
      await machine.flash(BAD['garbage']!(efi), '+3-0', '+2-1');
      await machine.setFallback();
      const entries = ['kios-0001.conf', 'kios-0002+2-1.conf', 'kios-0002+3-0.conf'];
      expect(await startGuard()).toEqual({ reports: 1, entries });
      expect(await startGuard()).toEqual({ reports: 1, entries });
    },
  );

  it(
    'the loader starts a default that has no tries left',
    { timeout: 2 * START_MS + BESIDES_MS },
    async () => {
      await machine.flash(BAD['garbage']!(efi), '+0-3');
      await machine.setFallback();
      const exhausted = ['kios-0001.conf', 'kios-0002+0-3.conf'];
      expect(await startKernel()).toEqual({ reports: 0, entries: exhausted });
      {
        await using medium = await machine.openMedium();
        const settings = `default kios-0002*\n${loaderSettings()}`;
        await medium.write(LOADER_SETTINGS, Buffer.from(settings));
      }
      const counted = ['kios-0001.conf', 'kios-0002+0-4.conf'];
      expect(await startGuard()).toEqual({ reports: 1, entries: counted });
    },
  );
});
