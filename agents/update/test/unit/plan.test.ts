import { readFileSync } from 'node:fs';
import path from 'node:path';

import * as fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import {
  type Medium,
  type Op,
  planStage,
  planUnstage,
  stagedIn,
  type Wish,
} from '../../src/core/plan/plan.ts';
import {
  DRAFTS,
  ENTRIES,
  entryOf,
  entryText,
  FALLBACK,
  fallbackText,
  FLASHED_MODULES,
  imageOf,
  modulesOf,
  parseEntry,
  parseFile,
  parseImage,
  trialOf,
} from '../../src/core/slots/names.ts';
import { CLUSTER, ModelMedium } from '../support/model-medium.ts';

const MIB = 1024 * 1024;
const ROOM = 512 * MIB;
const efi = (digest: string, size = 150 * MIB) => ({ from: 'kios.efi', digest, size }) as const;
const MODULES = { from: 'modules.erofs', digest: 'modules', size: 12 * MIB } as const;
const wish = (digest: string, size = 150 * MIB): Wish => ({
  version: `1.${digest}`,
  efi: efi(digest, size),
  modules: undefined,
});

const opsOf = (medium: Medium, running: number, wanted = wish('new')): readonly Op[] => {
  const plan = planStage(medium, running, 0, wanted);
  if ('code' in plan) throw new Error(plan.message);
  return plan.ops;
};

/** A medium whose generation 2 runs; 1 was before it. */
function stable(): ModelMedium {
  const model = new ModelMedium(ROOM);
  model.put(1, 'old', 140 * MIB, 'kios-0001.conf');
  model.put(2, 'now', 150 * MIB, 'kios-0002.conf');
  model.others.set(FALLBACK, fallbackText(1));
  return model;
}

const vectors = v.parse(
  v.object({
    entry: v.object({ name: v.string(), efi: v.string(), text: v.string() }),
    fallback: v.object({ name: v.string(), text: v.string() }),
    modules: v.object({ generation: v.number(), name: v.string(), flashed: v.string() }),
    names: v.array(
      v.object({
        name: v.string(),
        generation: v.optional(v.number()),
        triesLeft: v.optional(v.number()),
      }),
    ),
  }),
  JSON.parse(
    readFileSync(
      path.join(import.meta.dirname, '../../../../packages/host-api/vectors/boot-slots.json'),
      'utf8',
    ),
  ),
);

describe('names and texts, by the vectors of all programs that write them', () => {
  it.each(vectors.names)('$name', ({ name, generation, triesLeft }) => {
    const entry = parseEntry(name);
    expect([entry?.generation, entry?.triesLeft]).toEqual([generation, triesLeft]);
  });

  it('are those of the first system', () => {
    const { entry, fallback } = vectors;
    expect([entryOf(1), imageOf(1)]).toEqual([entry.name, entry.efi]);
    expect(entryText(1, '1.2.3')).toBe(entry.text);
    expect([FALLBACK, fallbackText(1)]).toEqual([fallback.name, fallback.text]);
  });

  it('of modules go with their system', () => {
    const { generation, name, flashed } = vectors.modules;
    expect([modulesOf(generation), FLASHED_MODULES]).toEqual([name, flashed]);
    expect([parseFile('0002.mod'), parseFile('0002.MOD'), parseFile('0000.mod')]).toEqual([
      2,
      2,
      undefined,
    ]);
    expect(parseImage('0002.mod')).toBeUndefined();
  });

  it('are on trial with three tries', () =>
    expect(parseEntry(trialOf(2).slice(ENTRIES.length + 1))?.triesLeft).toBe(3));

  it.each(['0000.efi', '1.efi', '00001.efi', '0001.efi.tmp'])('%s is no system', (name) =>
    expect(parseImage(name)).toBeUndefined(),
  );
});

describe('staging', () => {
  it('guards the running system, removes the older one, writes, reads back, and then lets it be tried', () => {
    const ops = opsOf(stable().medium, 2);
    const image = 'EFI/kios/0003.efi';
    const entry = entryText(3, '1.new');
    expect(ops).toEqual([
      { tag: 'overwrite', path: FALLBACK, text: fallbackText(2) },
      { tag: 'remove', path: 'loader/entries/kios-0001.conf' },
      { tag: 'remove', path: 'EFI/kios/0001.efi' },
      { tag: 'copy', path: image, content: efi('new') },
      { tag: 'remount' },
      { tag: 'verify', path: image, content: efi('new') },
      { tag: 'verify', path: FALLBACK, content: fallbackText(2) },
      { tag: 'draft', path: DRAFTS.entry, text: entry },
      { tag: 'remount' },
      { tag: 'verify', path: DRAFTS.entry, content: entry },
      { tag: 'rename', from: DRAFTS.entry, to: trialOf(3) },
      { tag: 'remount' },
      { tag: 'verify', path: trialOf(3), content: entry },
    ]);
  });

  it('leaves alone what has no name of ours, on the medium and when room is counted', () => {
    const model = stable();
    for (const name of ['readme.txt', '0001.bak', 'fsck0000.rec'])
      model.images.set(name, { digest: name, size: 500 * MIB, isWhole: true });
    model.entries.set('memtest.conf', 'linux /memtest.efi\n');
    const removed = opsOf(model.medium, 2).filter(({ tag }) => tag === 'remove');
    expect(removed).toHaveLength(2);
    const full = { ...model.medium, free: 0 };
    expect(planStage(full, 2, 0, wish('new', 141 * MIB))).toHaveProperty('code');
    const back = planUnstage(model.medium, 2);
    expect(back).toEqual({ generation: undefined, ops: [] });
  });

  it('writes modules beside a system whose machine has them, and reads both back before it is tried', () => {
    const model = stable();
    model.hasModules = true;
    model.putModules(1, MIB);
    const ops = opsOf(model.medium, 2, { ...wish('new'), modules: MODULES });
    expect(ops.slice(2, 9)).toEqual([
      { tag: 'remove', path: imageOf(1) },
      { tag: 'remove', path: modulesOf(1) },
      { tag: 'copy', path: imageOf(3), content: efi('new') },
      { tag: 'copy', path: modulesOf(3), content: MODULES },
      { tag: 'remount' },
      { tag: 'verify', path: imageOf(3), content: efi('new') },
      { tag: 'verify', path: modulesOf(3), content: MODULES },
    ]);
  });

  it('counts the room for modules, and refuses an image without those that a machine needs', () => {
    const model = stable();
    model.putModules(2, MIB);
    expect(planStage(model.medium, 2, 0, wish('new'))).toMatchObject({
      code: 'KIOS_UPDATE_MODULES',
    });
    const full = { ...model.medium, free: 0 };
    const both = { ...wish('new', 130 * MIB), modules: MODULES };
    expect(planStage(full, 2, 0, both)).toMatchObject({ code: 'KIOS_UPDATE_FULL' });
    const none = {
      ...full,
      files: full.files.filter(({ name }) => parseImage(name) !== undefined),
    };
    expect(planStage(none, 2, 0, both)).toHaveProperty('ops');
  });

  it('makes the first fallback of a medium under another name', () => {
    const model = new ModelMedium(ROOM);
    model.put(1, 'now', MIB, 'kios-0001.conf');
    model.others.set(DRAFTS.fallback, '\\EF');
    expect(opsOf(model.medium, 1).slice(0, 3)).toEqual([
      { tag: 'remove', path: DRAFTS.fallback },
      { tag: 'draft', path: DRAFTS.fallback, text: fallbackText(1) },
      { tag: 'rename', from: DRAFTS.fallback, to: FALLBACK },
    ]);
  });

  it('never gives a number twice', () => {
    const plan = planStage(stable().medium, 2, 41, wish('new'));
    expect(plan).toMatchObject({ generation: 42 });
  });

  it.each([
    ['an entry twice', { entries: ['kios-0002.conf', 'kios-0002+2-1.conf'] }, /two entries/],
    ['no entry of what runs', { entries: ['kios-0001.conf'] }, /has no entry/],
    ['what runs on trial', { entries: ['kios-0002+2-1.conf'] }, /on trial/],
    ['no file of what runs', { files: [] }, /file of the running generation 2 is missing/],
    [
      'the last number in use',
      {
        files: [
          { name: '0002.efi', size: 1 },
          { name: '9999.efi', size: 1 },
        ],
      },
      /9999 was the last/,
    ],
  ])('changes nothing on a medium with %s', (_, changes: Partial<Medium>, why) => {
    expect(planStage({ ...stable().medium, ...changes }, 2, 0, wish('new'))).toEqual({
      code: 'KIOS_UPDATE_SLOTS',
      message: expect.stringMatching(why) as unknown,
    });
  });

  it('counts what the older systems will leave, and refuses what does not fit even then', () => {
    const full = { ...stable().medium, free: 0 };
    expect(planStage(full, 2, 0, wish('new', 139 * MIB))).toHaveProperty('ops');
    expect(planStage(full, 2, 0, wish('new', 141 * MIB))).toEqual({
      code: 'KIOS_UPDATE_FULL',
      message: expect.stringContaining('2 MiB too few') as unknown,
    });
  });
});

describe('taking back', () => {
  it('removes what is on trial, and keeps what is confirmed', () => {
    const model = stable();
    model.put(3, 'new', MIB, 'kios-0003+3-0.conf');
    model.others.set(FALLBACK, fallbackText(2));
    expect(stagedIn(model.medium, 2)).toBe(3);
    expect(planUnstage(model.medium, 2)).toEqual({
      generation: undefined,
      ops: [
        { tag: 'remove', path: 'loader/entries/kios-0003+3-0.conf' },
        { tag: 'remove', path: 'EFI/kios/0003.efi' },
      ],
    });
  });

  it('removes the modules of what is taken back, and those without a system', () => {
    const model = stable();
    model.hasModules = true;
    for (const generation of [2, 3, 4]) model.putModules(generation, MIB);
    model.put(3, 'new', MIB, 'kios-0003+3-0.conf');
    model.others.set(FALLBACK, fallbackText(2));
    expect(stagedIn(model.medium, 2)).toBe(3);
    const plan = planUnstage(model.medium, 2);
    const removed = 'ops' in plan ? plan.ops.flatMap((op) => ('path' in op ? op.path : [])) : [];
    expect(removed.toSorted()).toEqual([
      imageOf(3),
      modulesOf(3),
      modulesOf(4),
      'loader/entries/kios-0003+3-0.conf',
    ]);
  });

  it('is not staged what lacks the modules that the machine needs', () => {
    const model = stable();
    model.hasModules = true;
    model.put(3, 'new', MIB, 'kios-0003+3-0.conf');
    model.others.set(FALLBACK, fallbackText(2));
    expect(stagedIn(model.medium, 2)).toBeUndefined();
  });

  it.each([
    ['has no tries left', 'kios-0003+0-3.conf', fallbackText(2)],
    ['the guard cannot undo', 'kios-0003+3-0.conf', fallbackText(1)],
  ])('what %s is not staged', (_, entry, fallback) => {
    const model = stable();
    model.put(3, 'new', MIB, entry);
    model.others.set(FALLBACK, fallback);
    expect(stagedIn(model.medium, 2)).toBeUndefined();
  });
});

/** What earlier updates, and agents that were killed, may have left. */
const LEFTOVERS = {
  older: (model: ModelMedium) => model.put(4, 'old', 60 * MIB, 'kios-0004.conf'),
  failed: (model: ModelMedium) => model.put(6, 'bad', 60 * MIB, 'kios-0006+0-3.conf'),
  staged: (model: ModelMedium) => {
    model.put(7, 'other', 60 * MIB, 'kios-0007+3-0.conf');
    model.others.set(FALLBACK, fallbackText(5));
  },
  /** It was confirmed, cannot be loaded any more, and the guard started the running one in its place. */
  rotten: (model: ModelMedium) => {
    model.put(9, 'rotten', 60 * MIB, 'kios-0009.conf');
    model.others.set(FALLBACK, fallbackText(5));
  },
  modules: (model: ModelMedium) => model.putModules(3, 10 * MIB),
  half: (model: ModelMedium) => model.put(8, 'half', 10 * MIB),
  draft: (model: ModelMedium) => void model.entries.set('k.tmp', 'title ki'),
  fallbackDraft: (model: ModelMedium) => void model.others.set(DRAFTS.fallback, '\\EF'),
} as const;

const leftovers = fc.subarray(Object.values(LEFTOVERS));
const killed = fc.record({ after: fc.nat(16), cut: fc.double({ min: 0, max: 0.99, noNaN: true }) });

function start({
  left,
  fallback,
  hasModules,
}: {
  left: readonly ((model: ModelMedium) => void)[];
  fallback: number | undefined;
  hasModules: boolean;
}) {
  const model = new ModelMedium(ROOM);
  model.put(5, 'now', 150 * MIB, 'kios-0005.conf');
  model.hasModules = hasModules;
  if (hasModules) model.putModules(5, 10 * MIB);
  if (fallback === 5 || (fallback === 4 && left.includes(LEFTOVERS.older)))
    model.others.set(FALLBACK, fallbackText(fallback));
  for (const leave of left) leave(model);
  // An earlier agent wrote it.
  if (hasModules && left.includes(LEFTOVERS.staged)) model.putModules(7, 10 * MIB);
  return model;
}

/** Plans one pass as the agent does, and carries it out as far as it lives. */
function pass(
  model: ModelMedium,
  digest: string,
  kill: { after: number; cut: number } | undefined,
): void {
  const { medium } = model;
  const plan =
    digest === 'now'
      ? planUnstage(medium, 5)
      : planStage(medium, 5, 0, { ...wish(digest), modules: MODULES });
  if ('code' in plan) throw new Error(plan.message);
  for (const [index, op] of plan.ops.entries()) {
    const isLast = index === kill?.after;
    if (isLast && op.tag !== 'copy') return;
    model.apply(op, isLast ? kill.cut : 1);
    const faults = model.faults(5);
    if (faults.length > 0) throw new Error(`after ${JSON.stringify(op)}: ${faults.join(', ')}`);
    if (isLast) return;
  }
}

describe('an agent that is killed after any step', () => {
  const given = fc.record({
    left: leftovers,
    kills: fc.array(killed, { maxLength: 6 }),
    digests: fc.array(fc.constantFrom('a', 'b', 'now'), { minLength: 7, maxLength: 7 }),
    fallback: fc.constantFrom(undefined, 5, 4),
    hasModules: fc.boolean(),
  });

  it('leaves the running system to start, and the next one ends in the old or the new', () => {
    fc.assert(
      fc.property(given, ({ left, kills, digests, fallback, hasModules }) => {
        const model = start({ left, fallback, hasModules });
        expect(model.faults(5)).toEqual([]);
        kills.forEach((kill, index) => pass(model, digests[index] ?? 'a', kill));
        const wanted = digests.at(-1) ?? 'a';
        pass(model, wanted, undefined);
        const staged = stagedIn(model.medium, 5);
        const tried = [...model.entries.keys()].map(parseEntry).filter((entry) => entry?.triesLeft);
        expect(tried.map((entry) => entry?.generation)).toEqual(
          staged === undefined ? [] : [staged],
        );
        expect(staged === undefined).toBe(wanted === 'now');
        const whole = [...model.images.values()].filter(({ isWhole }) => isWhole);
        expect(model.images.size).toBe(whole.length);
        expect(model.images.has('0005.efi')).toBe(true);
        const systems = [...model.images.keys()].map(parseImage);
        for (const name of model.images.keys()) expect(systems).toContain(parseFile(name));
        expect(model.medium.free % CLUSTER).toBe(0);
      }),
      { numRuns: 400 },
    );
  });
});
