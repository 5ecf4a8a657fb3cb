import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { createLogger } from '@kios/agent';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import {
  ENTRIES,
  entryText,
  FALLBACK,
  fallbackText,
  FLASHED_MODULES,
  IMAGES,
  imageOf,
  modulesOf,
} from '../../src/core/slots/names.ts';
import { Esp } from '../../src/edge/esp/esp.ts';
import { MemoryFile } from '../../src/edge/host/host.ts';
import { Stager } from '../../src/verbs/stager.ts';
import { FakeInit } from '../support/fake-init.ts';
import { record } from '../support/given.ts';
import { smallEfi } from '../support/small-efi.ts';

const { signal } = new AbortController();
const NEXT = smallEfi({ signed: 3 * 1024 * 1024 + 17 });
const DIGEST = createHash('sha256').update(NEXT).digest('hex');
const wanted = record(DIGEST, NEXT.length);
const RUNNING = { running: 1, failed: undefined, usesModules: false, signers: null, board: '' };

let init: FakeInit;
const log = createLogger('update', {
  console: { send: () => {}, close: () => Promise.resolve() },
  stdout: { write: () => true },
});

/** Puts a modules.erofs onto the medium, as ./kios configure does. */
function flash(): void {
  mkdirSync(init.at('disk/kios'));
  writeFileSync(init.at(`disk/${FLASHED_MODULES}`), 'of the flashed kernel');
}

const openStager = (until = signal): Promise<Stager> =>
  Stager.open({
    place: init.place,
    os: init.at('os'),
    bootId: 'boot-1',
    memory: new MemoryFile(init.at('state')),
    signal: until,
    log,
  });

beforeEach(async () => {
  init = await FakeInit.start();
  init.put(1, 'running');
  writeFileSync(init.at('os/kios.efi'), NEXT);
});
afterEach(() => init[Symbol.asyncDispose]());

describe('the partition', () => {
  it('is mounted while it is open, and anew for a remount', async () => {
    {
      await using esp = await Esp.open(init.place, signal);
      expect(init.isMounted).toBe(true);
      await esp.remount();
      expect(init.mounts).toBe(2);
    }
    await using again = await Esp.open(init.place, signal);
    expect([init.mounts, again.at('x')]).toEqual([3, init.at('esp/x')]);
  });

  it.each([
    [
      'says why not',
      { code: 'KIOS_INIT_X', cause: 'read it: it is damaged' },
      /init cannot read it: it is damaged \(KIOS_INIT_X\)/,
    ],
    ['says nothing useful', { mounted: 'yes' }, /init sends \{/],
  ])('is not opened when init %s', async (_, refusal, why) => {
    init.refusal = refusal;
    const opened = Esp.open(init.place, signal);
    await expect(opened).rejects.toMatchObject({ code: 'KIOS_UPDATE_ESP' });
    await expect(opened).rejects.toThrow(why);
  });

  it('is opened once init has time for it', async () => {
    init.refusal = { code: 'KIOS_INIT_SLOTS_BUSY', cause: 'c' };
    const opened = Esp.open(init.place, signal);
    setImmediate(() => (init.refusal = undefined));
    await using esp = await opened;
    expect([init.isMounted, esp.at('')]).toEqual([true, init.at('esp')]);
  });

  it('is not waited for beyond two minutes, however long init holds a refusal back', async () => {
    init.refusal = { code: 'KIOS_INIT_SLOTS_BUSY', cause: 'c' };
    const clock = vi.spyOn(performance, 'now').mockReturnValueOnce(0).mockReturnValue(121_000);
    await expect(Esp.open(init.place, signal)).rejects.toThrow(/busy with another connection/);
    clock.mockRestore();
  });

  it('is not opened without init’s socket, or where the pod does not see the mount', async () => {
    const nobody = { ...init.place, socket: init.at('none.sock') };
    await expect(Esp.open(nobody, signal)).rejects.toMatchObject({ code: 'KIOS_UPDATE_ESP' });
    const elsewhere = { ...init.place, folder: init.at('os') };
    await expect(Esp.open(elsewhere, signal)).rejects.toThrow(/does not see the mount/);
  });
});

describe('a system', () => {
  const expectStaged = (generation: number): void => {
    const name = `kios-000${generation}+3-0.conf`;
    expect(init.names(ENTRIES)).toEqual(['kios-0001.conf', name]);
    expect(init.names(IMAGES)).toEqual(['0001.efi', `000${generation}.efi`]);
    expect(init.read(`${ENTRIES}/${name}`)).toBe(entryText(generation, '0.2.0'));
    expect(init.read(FALLBACK)).toBe(fallbackText(1));
    expect(init.read(imageOf(1))).toBe('running');
    expect(init.read(imageOf(generation))).toBe(NEXT.toString('latin1'));
  };

  it('is written, read back from the medium, and then on trial', async () => {
    const stager = await openStager();
    expect(await stager.stage(RUNNING, wanted)).toBe(2);
    expectStaged(2);
    expect(init.mounts).toBe(4);
    expect(stager.memory.staged).toEqual({
      generation: 2,
      digest: DIGEST,
      bootId: 'boot-1',
      isReady: true,
    });
  });

  it('that is there already is found, and not written again', async () => {
    await (await openStager()).stage(RUNNING, wanted);
    writeFileSync(init.at('state/memory.json'), '{');
    expect(await (await openStager()).stage(RUNNING, wanted)).toBe(2);
    expect(init.mounts).toBe(5);
  });

  it('takes the place of another one on trial, under a new number', async () => {
    init.put(2, 'other', 'kios-0002+3-0.conf');
    expect(await (await openStager()).stage(RUNNING, wanted)).toBe(3);
    expectStaged(3);
  });

  it.each([1, 2, 3, 4])('comes to its end when the agent is killed at mount %i', async (mount) => {
    const killed = new AbortController();
    init.onMount = (now) => {
      if (now === mount) killed.abort();
    };
    await expect((await openStager(killed.signal)).stage(RUNNING, wanted)).rejects.toThrow(
      /abort/i,
    );
    const generation = await (await openStager()).stage(RUNNING, wanted);
    expectStaged(generation);
  });

  it('that the medium does not keep is never tried', async () => {
    init.onMount = (mount) => {
      if (mount === 2) writeFileSync(init.at(`disk/${imageOf(2)}`), 'rot');
    };
    const staged = (await openStager()).stage(RUNNING, wanted);
    await expect(staged).rejects.toMatchObject({ code: 'KIOS_UPDATE_WRITE' });
    expect(init.names(ENTRIES)).toEqual(['kios-0001.conf']);
  });

  it.each([
    ['is shorter than it should be', NEXT, record(DIGEST, NEXT.length + 1), /should have/],
    [
      'is not what its record says',
      NEXT,
      record('b'.repeat(64), NEXT.length),
      /not what build\.json says/,
    ],
    ['is none', Buffer.from('hello'), record(DIGEST, 5), /it is no EFI program/],
  ])('that %s is refused before anything is touched', async (_, content, said, why) => {
    writeFileSync(init.at('os/kios.efi'), content);
    const staged = (await openStager()).stage(RUNNING, said);
    await expect(staged).rejects.toThrow(why);
    await expect(staged).rejects.toMatchObject({ code: 'KIOS_UPDATE_IMAGE' });
    expect(init.mounts).toBe(0);
  });

  it('that changes while it is copied is never tried', async () => {
    init.onMount = (mount) => {
      if (mount === 1) writeFileSync(init.at('os/kios.efi'), NEXT.subarray(0, -1));
    };
    const staged = (await openStager()).stage(RUNNING, wanted);
    await expect(staged).rejects.toThrow(/not what build\.json says/);
    expect(init.names(ENTRIES)).toEqual(['kios-0001.conf']);
  });

  describe('on a machine with a modules.erofs', () => {
    const MODULES = Buffer.from('all modules of its kernel');
    const sha256 = createHash('sha256').update(MODULES).digest('hex');
    const whole = { ...wanted, modules: { sha256, bytes: MODULES.length } };
    beforeEach(() => writeFileSync(init.at('os/modules.erofs'), MODULES));

    it.each([
      ['on the medium', flash, RUNNING],
      ['that init uses', () => {}, { ...RUNNING, usesModules: true, signers: null }],
      ['of its own update', () => init.write(modulesOf(1), 'older'), RUNNING],
    ])('%s gets its own beside it', async (_, have, named) => {
      have();
      const before = init.names(IMAGES);
      expect(await (await openStager()).stage(named, whole)).toBe(2);
      expect(init.names(IMAGES)).toEqual([...before, '0002.efi', '0002.mod']);
      expect(init.read(modulesOf(2))).toBe(MODULES.toString());
    });

    it('is refused before anything is touched when the image has none', async () => {
      flash();
      init.put(2, 'older', 'kios-0002+0-3.conf');
      const staged = (await openStager()).stage(RUNNING, wanted);
      await expect(staged).rejects.toMatchObject({ code: 'KIOS_UPDATE_MODULES' });
      expect(init.names(IMAGES)).toEqual(['0001.efi', '0002.efi']);
      expect(init.read(FLASHED_MODULES)).toBe('of the flashed kernel');
    });

    it('is never tried with modules that the medium does not keep', async () => {
      flash();
      init.onMount = (mount) => {
        if (mount === 2) writeFileSync(init.at(`disk/${modulesOf(2)}`), 'rot');
      };
      const staged = (await openStager()).stage(RUNNING, whole);
      await expect(staged).rejects.toMatchObject({ code: 'KIOS_UPDATE_WRITE' });
      expect(init.names(ENTRIES)).toEqual(['kios-0001.conf']);
    });

    it('is refused when they are not what the record says', async () => {
      writeFileSync(init.at('os/modules.erofs'), 'all modules of no kernel!');
      await expect((await openStager()).stage(RUNNING, whole)).rejects.toThrow(/build\.json says/);
      expect(init.mounts).toBe(0);
    });
  });

  it('without a modules.erofs gets none', async () => {
    await (await openStager()).stage(RUNNING, wanted);
    expect(init.names(IMAGES)).toEqual(['0001.efi', '0002.efi']);
  });

  it('is taken back', async () => {
    const stager = await openStager();
    await stager.stage(RUNNING, wanted);
    await stager.unstage(RUNNING);
    expect(init.names(ENTRIES)).toEqual(['kios-0001.conf']);
    expect(init.names(IMAGES)).toEqual(['0001.efi']);
    expect(stager.memory.staged).toBeUndefined();
  });

  it('is read again after the power went while the partition was written', async () => {
    const stager = await openStager();
    await stager.learn(RUNNING);
    init.put(1, 'rotten');
    await stager.distrust('all');
    await stager.learn(RUNNING);
    await stager.distrust('all');
    expect(stager.memory.systems).toEqual([
      { generation: 1, digest: createHash('sha256').update('rotten').digest('hex') },
    ]);
  });

  it('is known by its content, which is read once', async () => {
    const stager = await openStager();
    await stager.learn({ ...RUNNING, failed: 7 });
    await stager.learn({ ...RUNNING, failed: 7 });
    await (await openStager()).learn(RUNNING);
    expect(init.mounts).toBe(1);
    const digest = createHash('sha256').update('running').digest('hex');
    expect(stager.memory.systems).toEqual([{ generation: 1, digest }]);
  });
});

const vectors = path.join(import.meta.dirname, '../../../../packages/host-api/vectors/esp.json');
const Refusal = v.looseObject({ mounted: v.literal(false), code: v.string(), cause: v.string() });
const refusals = v
  .parse(v.array(v.unknown()), JSON.parse(readFileSync(vectors, 'utf8')))
  .map((vector) => v.safeParse(Refusal, vector))
  .flatMap(({ success, output }) => (success ? [output] : []));

it.each(refusals)('hands on what init says, by the vectors of init: $code', async (refusal) => {
  init.refusal = refusal;
  await expect(Esp.open(init.place, signal)).rejects.toThrow(refusal.cause);
});
