import { requireRoot } from '@kios/testkit';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import {
  bundleTimeAgent,
  DECIDED_MS,
  MEDDLED,
  NODE,
  RELOADED,
  SECOND,
  SERVER,
  SERVER6,
  TimePod,
} from '../support/time-pod.ts';

/** chronyd calls a source unreachable after eight requests without a reply. */
const UNREACHABLE_MS = 60_000;

const OFTEN = `servers: [{ address: ${SERVER}, minpoll: 0, maxpoll: 0 }]\nfallbackPools: []\n`;

// Nearly all of the time is spent waiting for replies.
describe('chronyd and the agent, on a network', { timeout: 240_000, concurrent: true }, () => {
  let bundle: string;
  beforeAll(async () => {
    bundle = await bundleTimeAgent();
  });
  beforeEach(requireRoot);

  it('whose server goes and comes back, follow it again without a restart', async () => {
    await using node = await TimePod.open(bundle);
    await node.connect(`${NODE}/24`);
    const before = await node.serve(SERVER);
    await node.configure(OFTEN);
    const { chronyd, watch } = await node.start();
    await chronyd.expect(`Selected source ${SERVER}`, DECIDED_MS);
    const lost = chronyd.expectNext("Can't synchronise", UNREACHABLE_MS);
    await before.stop();
    await lost;
    const back = chronyd.expectNext(`Selected source ${SERVER}`, UNREACHABLE_MS);
    await node.serve(SERVER);
    await back;
    expect(watch.lines.join('\n')).not.toMatch(MEDDLED);
    expect(watch.lines.join('\n')).not.toContain('chronyd.down');
    expect(chronyd.lines.filter((line) => line.includes('chronyd version'))).toHaveLength(1);
  });

  it('that begins to work with a new address, ask at once', async () => {
    await using node = await TimePod.open(bundle);
    await node.connect(`${NODE}/24`);
    const before = await node.serve(SERVER, { loss: 1 });
    await node.configure(`servers: [{ address: ${SERVER} }]\nfallbackPools: []\n`);
    const { chronyd } = await node.start();
    // Then chronyd has given up its first burst, and asks again a minute later.
    const idle = async (): Promise<void> =>
      expect((await node.chronyc('activity')).split(',').slice(2, 4)).toEqual(['0', '0']);
    await vi.waitFor(idle, { timeout: UNREACHABLE_MS, interval: 500 });
    expect(before.requests).toBeGreaterThanOrEqual(4);
    await before.stop();
    const server = await node.serve(SERVER);
    await node.connect('198.51.100.2/24');
    await server.expectRequests(4, 15_000);
    await chronyd.expect(`Selected source ${SERVER}`, DECIDED_MS);
  });

  it('whose lease names another server, follow that one and forget the first', async () => {
    await using node = await TimePod.open(bundle);
    await node.connect(`${NODE}/24`);
    await node.serve(SERVER);
    await node.serve(SECOND);
    await node.configure('fallbackPools: []\n');
    await node.lease([SERVER]);
    const { chronyd, watch } = await node.start();
    await chronyd.expect(`Selected source ${SERVER}`, DECIDED_MS);
    const reloaded = watch.expectNext(RELOADED);
    const selected = chronyd.expectNext(`Selected source ${SECOND}`, DECIDED_MS);
    await node.lease([SECOND]);
    await reloaded;
    await selected;
    expect(await node.sources()).toEqual({ [SECOND]: 'selected' });
    expect(watch.lines.join('\n')).not.toMatch(MEDDLED);
  });

  it('of IPv6 alone, follow the server that DHCPv6 names', async () => {
    await using node = await TimePod.open(bundle);
    await node.connect('2001:db8::2/64');
    await node.serve(SERVER6);
    await node.configure('fallbackPools: []\n');
    await node.lease6([SERVER6]);
    const { chronyd, watch } = await node.start();
    await chronyd.expect(`Selected source ${SERVER6}`, DECIDED_MS);
    expect(await node.sources()).toEqual({ [SERVER6]: 'selected' });
    expect(watch.lines.join('\n')).not.toMatch(MEDDLED);
  });

  it('that loses every second packet, follow the server all the same', async () => {
    await using node = await TimePod.open(bundle);
    await node.connect(`${NODE}/24`);
    await node.serve(SERVER, { loss: 0.5 });
    await node.configure(OFTEN);
    const { chronyd, watch } = await node.start();
    await chronyd.expect(`Selected source ${SERVER}`, DECIDED_MS);
    expect(watch.lines.join('\n')).not.toMatch(MEDDLED);
  });
});
