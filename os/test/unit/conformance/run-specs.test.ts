import { expect, it } from 'vitest';

import { runSpecs } from '../../../src/conformance/run-specs.ts';
import { notRun, type Outcome } from '../../../src/conformance/specs.ts';

const NAMES = Array.from({ length: 20 }, (_, index) => `spec ${index}`);

const passed = (name: string): Outcome => ({ name, state: 'passed', seconds: 1, message: '' });

/** Runs all names by one stream; `run` gives what comes of a batch by its number. */
async function outcomesOf(run: (batch: number, name: string) => Outcome) {
  let batches = 0;
  const kept: Outcome[] = [];
  const notes: string[] = [];
  await runSpecs(NAMES, {
    parallel: 1,
    results: { add: async (outcomes) => void kept.push(...outcomes) },
    note: (detail) => notes.push(detail),
    run: async (names) => {
      batches += 1;
      return names.map((name) => run(batches, name));
    },
  });
  return { batches, kept, notes };
}

it('keeps what comes of each spec, and says how far it is', async () => {
  const { batches, kept, notes } = await outcomesOf((_, name) => passed(name));
  expect(batches).toBe(5);
  expect(kept.map(({ name }) => name)).toEqual(NAMES);
  expect(notes[1]).toMatch(/^4 of 20, 0 failed, .*: spec 4$/);
});

it('goes on after one batch of which nothing was run', async () => {
  const { batches, kept } = await outcomesOf((batch, name) =>
    batch % 2 === 1 ? notRun(name, 'it crashed') : passed(name),
  );
  expect(batches).toBe(5);
  expect(kept).toHaveLength(NAMES.length);
});

it('gives up after two in a row, and fails the specs that are left', async () => {
  const { batches, kept } = await outcomesOf((batch, name) =>
    batch === 1 ? passed(name) : notRun(name, 'no node is ready'),
  );
  expect(batches).toBe(3);
  expect(kept.map(({ name }) => name)).toEqual(NAMES);
  expect(kept.slice(4).every((outcome) => outcome.notRun === true)).toBe(true);
  expect(kept.at(-1)?.message).toMatch(/batches before/);
});
