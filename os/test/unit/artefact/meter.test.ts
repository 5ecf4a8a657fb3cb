import { expect, it } from 'vitest';

import { Meter } from '../../../src/artefact/meter.ts';

it('notes what is done, of how much, and the rate so far', () => {
  const notes: string[] = [];
  let now = 0;
  const meter = new Meter(
    (note) => notes.push(note),
    10 * 1024 * 1024,
    () => now,
  );
  meter.add(1024 * 1024);
  now = 2000;
  meter.add(3 * 1024 * 1024);
  expect(notes).toEqual(['1.0 MiB of 10.0 MiB', '4.0 MiB of 10.0 MiB, 2.0 MiB/s']);
});
