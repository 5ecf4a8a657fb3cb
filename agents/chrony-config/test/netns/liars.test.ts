import { requireRoot } from '@kios/testkit';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import {
  bundleTimeAgent,
  DECIDED_MS,
  MEDDLED,
  NODE,
  SECOND,
  SERVER,
  TimePod,
} from '../support/time-pod.ts';

const YEAR = 365.25 * 24 * 3600;
const THIRD = '192.0.2.8';

/** Servers that are asked every second once chronyd knows them. */
const servers = (...addresses: string[]): string => {
  const list = addresses.map((address) => `{ address: ${address}, minpoll: 0, maxpoll: 0 }`);
  return `servers: [${list.join(', ')}]\nfallbackPools: []\n`;
};

// Nearly all of the time is spent waiting for replies.
describe('chronyd and the agent, with a server', { timeout: 240_000, concurrent: true }, () => {
  let bundle: string;
  beforeAll(async () => {
    bundle = await bundleTimeAgent();
  });
  beforeEach(requireRoot);

  async function openNode(): Promise<TimePod> {
    const node = await TimePod.open(bundle);
    await node.connect(`${NODE}/24`);
    return node;
  }

  it.each([
    ['an hour ahead', { offsetSeconds: 3600 }],
    ['ten years ahead', { offsetSeconds: 10 * YEAR }],
    ['ten years behind', { offsetSeconds: -10 * YEAR }],
  ] as const)('that is %s, follow the other two and set no clock', async (_, lie) => {
    await using node = await openNode();
    await node.serve(SERVER, lie);
    for (const address of [SECOND, THIRD]) await node.serve(address);
    await node.configure(servers(SERVER, SECOND, THIRD));
    const { chronyd, watch } = await node.start();
    await chronyd.expect(/Selected source 192\.0\.2\.[78]/, DECIDED_MS);
    await node.expectSources({ [SERVER]: 'false' });
    expect(watch.lines.join('\n')).not.toMatch(MEDDLED);
  });

  it.each([
    ['has stratum 16', { stratum: 16 }],
    ['has not set its clock', { leap: 3 }],
    ['denies (DENY)', { kiss: 'DENY' }],
    ['restricts (RSTR)', { kiss: 'RSTR' }],
    ['is silent', { loss: 1 }],
  ] as const)('that %s, follow the other one, and nobody when it is alone', async (_, rule) => {
    await using node = await openNode();
    const bad = await node.serve(SERVER, rule);
    await node.configure(servers(SERVER));
    const { chronyd, watch } = await node.start();
    await bad.expectRequests(8);
    expect(await node.sources()).toEqual({ [SERVER]: 'unusable' });
    expect(watch.lines.join('\n')).not.toMatch(MEDDLED);
    await node.serve(SECOND);
    await node.configure(servers(SERVER, SECOND));
    await chronyd.expect(`Selected source ${SECOND}`, DECIDED_MS);
    expect(await node.sources()).toEqual({ [SERVER]: 'unusable', [SECOND]: 'selected' });
    expect(watch.lines.join('\n')).not.toMatch(MEDDLED);
  });

  it('that asks for fewer requests (RATE), ask it less often and follow it when it replies', async () => {
    await using node = await openNode();
    const other = await node.serve(SECOND, { loss: 1 });
    const server = await node.serve(SERVER, { kiss: 'RATE', times: 2 }, {});
    await node.configure(servers(SERVER, SECOND));
    const { chronyd, watch } = await node.start();
    await server.expectRequests(2);
    // The silent one gets the requests of an ordinary burst.
    expect(other.requests).toBeGreaterThanOrEqual(server.requests);
    await chronyd.expect(`Selected source ${SERVER}`, DECIDED_MS);
    expect(other.requests).toBeGreaterThan(server.requests);
    expect(watch.lines.join('\n')).not.toMatch(MEDDLED);
  });

  it('of a lease that is ten years behind, refuse it', async () => {
    await using node = await openNode();
    await node.serve(SERVER, { offsetSeconds: -10 * YEAR });
    await node.lease([SERVER]);
    await node.configure('fallbackPools: []\n');
    const { chronyd, watch } = await node.start();
    expect(await watch.expect('"ev":"source.refused"', DECIDED_MS)).toContain('KIOS_TIME_SOURCE');
    expect(await chronyd.exited).toBe(0);
    expect(watch.lines.join('\n')).not.toContain('clock.set');
  });

  it('of a lease that is ten years ahead, do not follow it while another one contradicts', async () => {
    await using node = await openNode();
    await node.serve(SERVER, { offsetSeconds: 10 * YEAR });
    await node.serve(SECOND);
    await node.lease([SERVER]);
    await node.configure(`fallbackPools: [${SECOND}]\n`);
    const { watch } = await node.start();
    // Neither is in a majority.
    await node.expectSources({ [SERVER]: 'false', [SECOND]: 'false' });
    expect(watch.lines.join('\n')).not.toMatch(MEDDLED);
  });
});
