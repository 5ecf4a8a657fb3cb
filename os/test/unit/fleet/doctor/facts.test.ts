import { expect, it } from 'vitest';

import { factsOf } from '../../../../src/fleet/doctor/facts.ts';
import { Gatherer } from '../../../../src/fleet/doctor/gather.ts';
import { apiParts, VERSION } from '../../../../src/fleet/doctor/parts.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');

it('a lease is as old as it was when it was read, however long the rest takes', async () => {
  let now = NOW;
  const lease = JSON.stringify({ spec: { renewTime: new Date(NOW - 9000).toISOString() } });
  const gatherer = new Gatherer(
    {
      ask: async ({ path }) => ({
        status: 200,
        body: path.includes('/leases/') ? lease : '{}',
        // The header has whole seconds, of which half a second is taken as passed.
        date: now - 500,
        isCut: false,
      }),
    },
    () => now,
  );
  await gatherer.get(VERSION);
  await gatherer.all(apiParts('node-1'), () => {});
  now += 60_000;
  expect(factsOf('node-1', gatherer, true).leaseSeconds).toBe(9);
});
