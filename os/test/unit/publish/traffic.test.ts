import { expect, it } from 'vitest';

import { Traffic } from '../../../src/publish/transport/traffic.ts';

it('shows what a task has sent and the rate of the last seconds', () => {
  let now = 0;
  const notes: string[] = [];
  const traffic = new Traffic(() => now);
  traffic.show((note) => notes.push(note));
  for (const [at, bytes] of [
    [0, 1e6],
    [1000, 3e6],
    [2000, 5e6],
    [9000, 1e6],
  ] as const) {
    now = at;
    traffic.onBytes(bytes);
  }
  expect(notes).toEqual([
    '1.0 MB sent',
    '4.0 MB sent, 3.0 MB/s',
    '9.0 MB sent, 4.0 MB/s',
    '10.0 MB sent',
  ]);
  traffic.show((note) => notes.push(note));
  traffic.onBytes(2e6);
  expect(notes.at(-1)).toBe('2.0 MB sent');
});
