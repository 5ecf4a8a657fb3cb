import { readFileSync } from 'node:fs';
import path from 'node:path';

import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import { NodeState, SlotsState } from '../src/index.ts';

function read(name: string): readonly unknown[] {
  const file = path.join(import.meta.dirname, '../../host-api/vectors', name);
  return v.parse(v.array(v.unknown()), JSON.parse(readFileSync(file, 'utf8')));
}

describe('slots.json', () => {
  const vectors = read('slots.json');
  const Strict = v.strictObject(SlotsState.entries);

  it.each(vectors)('reads what init writes: %j', (vector) => {
    expect(v.parse(Strict, vector)).toEqual(vector);
  });

  it('the vectors show each state, a failure and a machine that is not managed', () => {
    const states = vectors.map((vector) => v.parse(SlotsState, vector));
    expect([...new Set(states.map(({ state }) => state))].toSorted()).toEqual(['good', 'trial']);
    expect(states.some(({ failed }) => failed !== null)).toBe(true);
    const [off] = states.filter(({ managed }) => !managed);
    expect(off).toMatchObject({ running: 0, good: [], failed: null });
    expect(off?.reason).not.toBe('');
  });

  it('of an init that does not know of the mark, of modules and of Secure Boot has none', () => {
    const [first] = vectors;
    const { dirty: _, modules: __, signers: ___, ...older } = v.parse(Strict, first);
    const none = { dirty: false, modules: false, signers: null };
    expect(v.parse(SlotsState, older)).toMatchObject(none);
  });

  it.each([
    ['another state', { state: 'staged' }],
    ['a generation that four digits do not hold', { running: 10_000 }],
    ['no word of a failure', { failed: undefined }],
    ['another version', { v: 2 }],
  ])('refuses %s', (_, change) => {
    const [first] = vectors;
    const state = { ...v.parse(Strict, first), ...change };
    expect(v.safeParse(SlotsState, state).success).toBe(false);
  });
});

describe('node.json', () => {
  const vectors = read('node.json');

  it.each(vectors)('reads what the bootstrap agent writes: %j', (vector) => {
    expect(v.parse(v.strictObject(NodeState.entries), vector)).toEqual(vector);
  });

  it('the vectors show each word, which init judges', () => {
    const words = vectors.map((vector) => v.parse(NodeState, vector).state);
    expect(words).toEqual(NodeState.entries.state.options);
  });
});
