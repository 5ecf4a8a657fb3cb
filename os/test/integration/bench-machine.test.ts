import { readdir, readFile } from 'node:fs/promises';

import { expect, it } from 'vitest';

import { startBench } from '../../src/bench/machine.ts';

/** Returns the process IDs of all bench guests on this workstation. */
async function guests(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return pids.filter((_, index) => lines[index]?.includes('\0kios-bench\0'));
}

it('a bench interrupted while its guest starts leaves no guest', async () => {
  const before = await guests();
  const undo = new AsyncDisposableStack();
  const starting = startBench({ boot: [], memoryMiB: 64 }, undo);
  starting.catch(() => {});
  // As the command line does when it is interrupted: it does not wait for the command.
  await expect.poll(guests).not.toEqual(before);
  await undo.disposeAsync();
  expect(await guests()).toEqual(before);
});
