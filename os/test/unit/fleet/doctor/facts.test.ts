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

it('a condition and an event without a time are there all the same', async () => {
  const condition = { type: 'KiosClock', status: 'False', lastTransitionTime: null };
  const event = { type: 'Warning', reason: 'X', message: 'y', eventTime: null };
  const bodies: Readonly<Record<string, unknown>> = {
    '/api/v1/nodes/node-1': { metadata: { name: 'node-1' }, status: { conditions: [condition] } },
    events: { items: [{ ...event, involvedObject: { name: 'node-1' } }] },
  };
  const gatherer = new Gatherer(
    {
      ask: async ({ path }) => {
        const body = path.includes('/events') ? bodies['events'] : (bodies[path] ?? {});
        return { status: 200, body: JSON.stringify(body), date: NOW, isCut: false };
      },
    },
    () => NOW,
  );
  await gatherer.get(VERSION);
  await gatherer.all(apiParts('node-1'), () => {});
  const { node, events } = factsOf('node-1', gatherer, true);
  expect(node?.status.conditions).toMatchObject([{ type: 'KiosClock', lastTransitionTime: '' }]);
  expect(events[0]).toMatchObject({ reason: 'X', eventTime: '' });
});
