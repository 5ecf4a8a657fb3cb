import { createLogger, runProgram } from '@kios/agent';
import { DEFAULTS } from '@kios/node-turn';
import { expect, it } from 'vitest';

import { Evictions } from '../../src/core/eviction/evictions.ts';
import { toSettings } from '../../src/core/settings/settings.ts';
import { watch } from '../../src/verbs/watch.ts';
import { pod } from '../support/small-fleet.ts';

const FLAGS = {
  node: 'a',
  server: '',
  'max-unavailable': 1,
  'wait-seconds': 86_400,
  'drain-seconds': 600,
  'idle-seconds': 10,
  'busy-seconds': 3,
  account: '/account',
  platform: '/platform',
  'resolv-conf': '/resolv.conf',
  'boot-id': '/boot-id',
  socket: '/socket',
};

it('reads its flags', () => {
  expect(toSettings(FLAGS)).toMatchObject({
    node: 'a',
    server: undefined,
    defaults: DEFAULTS,
    idleMs: 10_000,
  });
});

it.each([
  ['no name of the node', { node: '' }],
  ['no node at a time', { 'max-unavailable': 0 }],
  ['half a second', { 'drain-seconds': 0.5 }],
])('refuses %s', (_, changes) => {
  expect(() => toSettings({ ...FLAGS, ...changes })).toThrow(/^(use|find)/);
});

it('ends with a code when its pod lacks what the manifest gives it', async () => {
  const printed: string[] = [];
  const log = createLogger('lifecycle', {
    console: { send: () => {}, close: () => Promise.resolve() },
    stdout: { write: (line: string) => printed.push(line) },
  });
  const program = { name: 'lifecycle', commands: [watch] };
  const args = ['watch', '--check', '--node=a', '--account=/none', '--server=https://127.0.0.1:1'];
  expect(await runProgram(program, args, log)).not.toBe(0);
  expect(printed.join('')).toContain('KIOS_LIFECYCLE_SETUP');
});

it('asks a refused pod again after longer and longer pauses', () => {
  const evictions = new Evictions();
  const pods = [pod('x'), pod('y')];
  expect(evictions.refuse('uid-x', 'budget', 0, 0.5)).toBe(true);
  expect(evictions.due(pods, 4999).map(({ name }) => name)).toEqual(['y']);
  expect(evictions.due(pods, 5000)).toHaveLength(2);
  expect(evictions.refuse('uid-x', 'budget', 5000, 0.5)).toBe(false);
  expect(evictions.due(pods, 14_999)).toHaveLength(1);
  expect(evictions.blocked).toEqual(new Set(['uid-x']));
  expect(evictions.due([pod('y')], 15_000)).toHaveLength(1);
  expect(evictions.blocked).toEqual(new Set());
});

it('says of a pod that it is held only when a budget does that', () => {
  const evictions = new Evictions();
  evictions.refuse('uid-x', 'other', 0, 0.5);
  expect(evictions.due([pod('x')], 4999)).toEqual([]);
  expect(evictions.blocked).toEqual(new Set());
});
