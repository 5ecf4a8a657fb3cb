import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readSections } from '../../src/build/formats/uki.ts';
import type { BuiltImage } from '../../src/build/image/artefacts.ts';
import { slotFile } from '../../src/build/image/boot-slots.ts';
import { buildImage } from '../../src/build/image/build-image.ts';
import { readEnrolment } from '../../src/build/secure-boot/enrolment.ts';
import { createKeys } from '../../src/build/secure-boot/keys.ts';
import { Signer } from '../../src/build/secure-boot/signer.ts';
import { down } from '../../src/lab/down.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';
import { GOOD, SlotMachine, TRIAL } from '../support/slots.ts';

const BUILD_MS = 90 * 60_000;
/** Firmware hashes each system that it starts, after it has taken the keys and started anew. */
const START_MS = 10 * 60_000;
/** Room for the failure to be told, and for the medium. */
const BESIDES_MS = 60_000;
const timeout = START_MS + BESIDES_MS;

/** Changes a bit of what nothing reads at a start: only a signature is against it. */
function withFlippedBit(efi: Buffer): Buffer {
  const { content } = readSections(efi).find(({ name }) => name === '.uname')!;
  const copy = Buffer.from(efi);
  const at = content.byteOffset - efi.byteOffset;
  copy.writeUInt8(copy.readUInt8(at) ^ 1, at);
  return copy;
}

/** What init says of a start. */
interface Started {
  readonly generation: number;
  readonly secureBoot: boolean;
  /** How often the guard said that the loader returned. */
  readonly reports: number;
}

const ENROLLED = 'Custom Secure Boot keys successfully enrolled';

/** Powers a machine on until init says which generation runs. */
async function start(machine: SlotMachine): Promise<Started & { readonly said: string }> {
  let found: Pick<Started, 'generation' | 'secureBoot'> | undefined;
  const { said } = await machine.startUntil(({ console }) =>
    console.expect(
      'the running generation',
      ({ ev, fields }) => {
        if (ev !== 'slots.running') return false;
        const { generation, secureBoot } = fields;
        found = { generation: Number(generation), secureBoot: secureBoot === true };
        return true;
      },
      START_MS,
    ),
  );
  if (found === undefined) throw new Error('init does not say what runs');
  return { ...found, reports: said.split('KIOS_GUARD_LOADER').length - 1, said };
}

/** Starts a medium on which a system is on trial, with the good one to fall back to. */
async function tryOut(image: BuiltImage, trial: Buffer, secureBoot: boolean) {
  const machine = new SlotMachine(image.image, { secureBoot });
  await machine.flash(trial, '+3-0');
  await machine.setFallback();
  return start(machine);
}

// What starts with and without Secure Boot, and what comes after a system that does not.
await describeRecorded('secure-boot', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  let dir: string;
  const trials: Record<string, Buffer> = {};
  /** Images with the good system and the programs before it signed by the key of before, and by the new one. */
  let older: BuiltImage;
  let newer: BuiltImage;

  const signerOf = (keys: string): Promise<Signer> =>
    Signer.open({ key: path.join(dir, keys, 'db.key'), certificate: path.join(dir, keys, 'db.crt') }, progress); // prettier-ignore

  async function create(folder: string, from?: string): Promise<void> {
    const signal = new AbortController().signal;
    const context = { progress, signal, undo: new AsyncDisposableStack(), print: () => {} };
    const request = { folder: path.join(dir, folder), microsoft: false };
    await createKeys(context, {
      ...request,
      from: from === undefined ? undefined : path.join(dir, from),
    });
  }

  async function signed(keys: string): Promise<BuiltImage> {
    const signer = await signerOf(keys);
    const enrolment = await readEnrolment(path.join(dir, keys), signer.certificate);
    const out = path.join(dir, `dist-${keys}`);
    return buildImage({ arch: 'amd64', progress, out, secureBoot: { signer, enrolment } });
  }

  beforeAll(async () => {
    await down(silent, { purge: true });
    await ensurePackages(['build', 'machine'], progress);
    dir = await mkdtemp(path.join(tmpdir(), 'kios-secure-boot-'));
    await create('keys');
    await create('next', 'keys');
    await create('strange');
    const unsigned = await readFile((await buildImage({ arch: 'amd64', progress })).efi);
    older = await signed('keys');
    newer = await signed('next');
    const file = await readFile(older.efi);
    trials['no signature'] = unsigned;
    trials['our signature'] = file;
    trials['one bit flipped'] = withFlippedBit(file);
    trials['the signature of another key'] = await (
      await signerOf('strange')
    ).sign('kios.efi', unsigned, dir);
    trials['the signature of the new key'] = await readFile(newer.efi);
  }, BUILD_MS);

  afterAll(async () => {
    await down(silent, { purge: true });
    await rm(dir, { recursive: true, force: true });
  }, 120_000);

  /** A machine of the older medium whose firmware has another list than that medium brings. */
  async function machineWith(db: string): Promise<SlotMachine> {
    const machine = new SlotMachine(older.image, { secureBoot: true });
    await machine.flash(trials['the signature of the new key'], '+3-0');
    await using medium = await machine.openMedium();
    await medium.write('loader/keys/auto/db.auth', await readFile(path.join(dir, 'next', db)));
    return machine;
  }

  it('a machine in setup mode takes the keys of its medium, once', { timeout }, async () => {
    const machine = new SlotMachine(older.image, { secureBoot: true });
    await machine.flash(undefined);
    const first = await start(machine);
    expect(first).toMatchObject({ generation: GOOD, secureBoot: true, reports: 0 });
    expect(first.said).toContain(ENROLLED);
    const { said, ...second } = await start(machine);
    expect(second).toEqual({ generation: GOOD, secureBoot: true, reports: 0 });
    expect(said).not.toContain(ENROLLED);
  });

  describe('with Secure Boot, a system on trial with', () => {
    it('our signature starts', { timeout }, async () => {
      const started = await tryOut(older, trials['our signature']!, true);
      expect(started).toMatchObject({ generation: TRIAL, secureBoot: true, reports: 0 });
    });

    it.each(['no signature', 'one bit flipped', 'the signature of another key'])(
      '%s gives way to the good one in the same power-on',
      { timeout },
      async (kind) => {
        const started = await tryOut(older, trials[kind]!, true);
        expect(started).toMatchObject({ generation: GOOD, secureBoot: true, reports: 1 });
      },
    );
  });

  it.each(['no signature', 'our signature', 'one bit flipped', 'the signature of another key'])(
    'without Secure Boot, a system on trial with %s starts',
    { timeout },
    async (kind) => {
      const started = await tryOut(older, trials[kind]!, false);
      expect(started).toMatchObject({ generation: TRIAL, secureBoot: false, reports: 0 });
    },
  );

  describe('while a key is replaced', () => {
    it('with both keys the update to the new one starts', { timeout }, async () => {
      const machine = await machineWith('db-both.auth');
      await machine.setFallback();
      expect(await start(machine)).toMatchObject({ generation: TRIAL, secureBoot: true, reports: 0 }); // prettier-ignore
    });

    it('with both keys the older system is what it falls back to', { timeout }, async () => {
      const machine = await machineWith('db-both.auth');
      await machine.setFallback();
      {
        await using medium = await machine.openMedium();
        await medium.write(slotFile(TRIAL), trials['one bit flipped']!);
      }
      expect(await start(machine)).toMatchObject({ generation: GOOD, secureBoot: true, reports: 1 }); // prettier-ignore
    });

    it(
      'a medium of the new key starts without the older one, and nothing that had it',
      { timeout: 2 * timeout },
      async () => {
        const machine = new SlotMachine(newer.image, { secureBoot: true });
        await machine.flash(undefined);
        expect(await start(machine)).toMatchObject({ generation: GOOD, secureBoot: true });
        const started = await tryOut(newer, trials['our signature']!, true);
        expect(started).toMatchObject({ generation: GOOD, secureBoot: true, reports: 1 });
      },
    );
  });
});
