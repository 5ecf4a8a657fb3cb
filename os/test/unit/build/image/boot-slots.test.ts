import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import {
  ENTRY_FOLDER,
  entryFile,
  entryText,
  FALLBACK,
  fallbackText,
  findSlot,
  FLASHED_MODULES,
  LOADER_SETTINGS,
  loaderSettings,
  modulesBeside,
  parseEntryName,
  slotFile,
} from '../../../../src/build/image/boot-slots.ts';
import { efiMediumFiles } from '../../../../src/build/image/efi-medium.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const Text = v.strictObject({ name: v.string(), text: v.string() });
const Vectors = v.strictObject({
  loader: Text,
  entry: v.strictObject({
    ...Text.entries,
    generation: v.number(),
    version: v.string(),
    efi: v.string(),
  }),
  fallback: Text,
  modules: v.strictObject({ generation: v.number(), name: v.string(), flashed: v.string() }),
  names: v.array(
    v.strictObject({
      name: v.string(),
      generation: v.optional(v.number()),
      triesLeft: v.optional(v.number()),
      triesDone: v.optional(v.number()),
    }),
  ),
  starts: v.array(
    v.strictObject({
      entries: v.array(v.string()),
      efis: v.array(v.number()),
      starts: v.nullable(v.number()),
    }),
  ),
});

const file = path.join(repository, 'packages/host-api/vectors/boot-slots.json');
const vectors = v.parse(Vectors, JSON.parse(await readFile(file, 'utf8')));

it('files of the loader have the names and texts that the node reads and writes', () => {
  const { loader, entry, fallback } = vectors;
  expect(loader).toEqual({ name: LOADER_SETTINGS, text: loaderSettings() });
  expect(fallback).toEqual({ name: FALLBACK, text: fallbackText(entry.generation) });
  expect([entry.name, entry.efi]).toEqual([
    entryFile(entry.generation),
    slotFile(entry.generation),
  ]);
  expect(entry.text).toBe(entryText(entry.generation, entry.version));
  const { generation, name, flashed } = vectors.modules;
  expect(modulesBeside([flashed, name.toUpperCase()], slotFile(generation))).toBe(
    name.toUpperCase(),
  );
  expect(modulesBeside([flashed], slotFile(generation))).toBeUndefined();
  expect(flashed).toBe(FLASHED_MODULES);
});

it('neither word that makes systemd-boot start a bad system for ever, or without its command line, is written', () => {
  expect(loaderSettings()).not.toMatch(/^default/m);
  expect(entryText(1, '1.2.3')).not.toMatch(/^options/m);
});

describe('the name of an entry', () => {
  it.each(vectors.names)('$name', ({ name, ...wanted }) => {
    expect(parseEntryName(name)).toEqual('generation' in wanted ? wanted : undefined);
  });
});

describe('the loader starts', () => {
  it.each(vectors.starts)('$starts of $entries with files $efis', ({ entries, efis, starts }) => {
    const files = [...entries.map((name) => `${ENTRY_FOLDER}/${name}`), ...efis.map(slotFile)];
    expect(findSlot(files)).toBe(starts === null ? undefined : slotFile(starts));
  });
});

/** Returns the directory slots of 32 bytes of a name: one, and one for each 13 characters unless it is a short name. */
const slotsOf = (name: string): number =>
  1 + (/^[A-Z0-9]{1,8}(?:\.[A-Z0-9]{1,3})?$/.test(name) ? 0 : Math.ceil(name.length / 13));

it('all entries of two generations and one that is being written lie in one sector, so no rename is torn', () => {
  const names = ['kios-0001.conf', 'kios-0002+3-0.conf', 'kios-0002+2-1.conf', 'k.tmp'];
  const dots = 2;
  const slots = names.reduce((sum, name) => sum + slotsOf(name), dots);
  expect(slots * 32).toBeLessThanOrEqual(512);
});

it('a fresh medium has its first generation, and no older one to fall back to', () => {
  const program = { bytes: Buffer.from('MZ'), origin: { name: 'p', version: '1', kind: 'kios' } } as const; // prettier-ignore
  const [guard, loader] = [program, program];
  const tree = efiMediumFiles({ arch: 'arm64', efi: '/kios.efi', version: '1.2.3', guard, loader });
  const files = tree.sorted().filter(([, { type }]) => type === 'file');
  expect(files.map(([where]) => where)).toEqual([
    '/EFI/BOOT/BOOTAA64.EFI',
    '/EFI/kios/0001.efi',
    '/EFI/systemd/systemd-bootaa64.efi',
    '/loader/entries/kios-0001.conf',
    '/loader/loader.conf',
  ]);
});
