import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { assert, expect, it } from 'vitest';

import { identify, isAlive, lastInChain, terminate } from '../../../src/workstation/process.ts';

it('distinguishes a process from a later one with the same number', async () => {
  const self = await identify(process.pid);
  assert(self !== undefined);
  expect(await isAlive(self)).toBe(true);
  expect(await isAlive({ ...self, startTicks: '1' })).toBe(false);
});

it('finds no process with a free number', async () => {
  expect(await identify(2 ** 22 + 1)).toBeUndefined();
});

it('finds the process that a chain of others started', async () => {
  const script = 'sh -c "echo \\$\\$; read end; true"; true';
  const chain = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const last = await once(chain.stdout, 'data');
  expect(await lastInChain(chain.pid ?? 0)).toBe(Number(String(last)));
  chain.stdin.end();
  await once(chain, 'close');
});

it.each([
  ['asks a process to end', 'setInterval(() => {}, 1000); console.log(1)'],
  [
    'kills one that ignores SIGTERM',
    'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log(1)',
  ],
])('%s', async (_, script) => {
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  const found = await identify(child.pid ?? 0);
  if (found === undefined) throw new Error('the child is not there');
  await terminate(found, 300);
  expect(await isAlive(found)).toBe(false);
});
