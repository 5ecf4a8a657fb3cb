import { readFileSync } from 'node:fs';
import path from 'node:path';

import * as v from 'valibot';
import { expect, it } from 'vitest';

import { HostState } from '../src/index.ts';

const file = path.join(import.meta.dirname, '../../host-api/vectors/host.json');
const vectors = v.parse(v.array(v.unknown()), JSON.parse(readFileSync(file, 'utf8')));
const Strict = v.strictObject(HostState.entries);

it('the vectors, shared with init, show each source of a name and each place of the state', () => {
  const states = vectors.map((vector) => v.parse(Strict, vector));
  const seen = (key: 'hostnameSource' | 'data' | 'dataReason'): readonly unknown[] =>
    [...new Set(states.flatMap((state) => state[key] ?? []))].toSorted();
  expect(seen('hostnameSource')).toEqual(['file', 'machine', 'random']);
  expect(seen('data')).toEqual(['partition', 'ram']);
  expect(seen('dataReason')).toEqual(['failed', 'none']);
});

it.each(vectors)('reads what init writes: %j', (vector) => {
  expect(v.parse(HostState, vector)).toEqual(vector);
});

it.each([
  ['another source', { hostnameSource: 'dhcp' }],
  ['no name', { hostname: undefined }],
  ['another version', { v: 2 }],
])('refuses a state with %s', (_, change) => {
  const [first] = vectors;
  expect(v.safeParse(HostState, { ...v.parse(Strict, first), ...change }).success).toBe(false);
});
