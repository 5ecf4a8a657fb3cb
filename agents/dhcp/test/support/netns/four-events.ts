import { requireRoot, startTcpFlow } from '@kios/testkit';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { buildAgent, eventually } from './agent.ts';
import { buildPlugins } from './lan-host.ts';
import type { Network } from './networks.ts';
import { ADDRESS } from './scene.ts';
import { NEXT, NEXT_ADDRESS, NEXT_POOL, POOL_OR_FIXED, PROMPT, Site } from './site.ts';

const NEIGHBOUR = '10.77.0.9';
const MINUTE = 60_000;

/** Adds the four events of each network: a start, a restart of the agent, a pulled cable, another server. */
export function describeNetworks(networks: readonly Network[], minutes: number): void {
  const timeout = minutes * MINUTE;
  beforeEach(requireRoot);
  beforeAll(buildAgent, timeout);

  describe.concurrent.each(networks)('$name', { timeout }, (network) => {
    const { fixed = false, links, pods: stays = false } = network;
    if (stays) beforeAll(buildPlugins, timeout);

    it.concurrent('gives a machine that starts its addresses, route and resolver', async () => {
      await using site = await Site.open(network);
      await site.boot();
      expect(site.count('discover') > 0).toBe(!fixed);
    });

    it.concurrent('keeps them when the agent is killed and starts again', async () => {
      await using site = await Site.open(network);
      const daemon = await site.boot();
      const before = await site.addresses();
      const discovers = site.count('discover');
      await daemon.stop('SIGKILL');
      const again = site.start('run');
      await again.expect(fixed ? 'network.file' : 'lease.adopted', PROMPT);
      await site.has(POOL_OR_FIXED, ADDRESS);
      expect(await site.addresses()).toEqual(before);
      expect(site.count('discover')).toBe(discovers);
    });

    it.concurrent('keeps them when the cable is pulled and plugged in', async () => {
      await using site = await Site.open(network);
      const daemon = await site.boot();
      const before = await site.addresses();
      const [discovers, requests] = [site.count('discover'), site.count('request')];
      await site.pull();
      const confirmed = fixed ? undefined : daemon.expectNext('lease.renewed', PROMPT);
      await site.plug();
      await confirmed;
      await site.has(POOL_OR_FIXED, ADDRESS);
      expect(await site.addresses()).toEqual(before);
      expect(site.count('discover')).toBe(discovers);
      // RFC 2131, 3.7: a host that may have moved verifies its address.
      const asked = requests + (fixed ? 0 : site.leases);
      await eventually(() => expect(site.count('request')).toBeGreaterThanOrEqual(asked), PROMPT);
    });

    it.concurrent('follows a server of another network, unless they are fixed', async () => {
      await using site = await Site.open(network);
      const { scene } = site;
      const daemon = await site.boot();
      const before = await site.addresses();
      await scene.stopServing();
      await site.pull();
      scene.changeServer(network.next);
      // A pod cannot move to another network, so the next server knows nothing of a lease in this one.
      if (!stays) await scene.moveServer(NEXT_ADDRESS);
      await scene.serve(stays ? {} : NEXT);
      const asked = stays ? daemon.expectNext(/"lease\.(?:renewed|bound)"/, PROMPT) : undefined;
      await site.plug();
      await asked;
      if (fixed) await startTcpFlow(scene.client, scene.neighbour, NEIGHBOUR);
      else await site.has(stays ? POOL_OR_FIXED : NEXT_POOL, stays ? ADDRESS : NEXT_ADDRESS);
      const isRight = (each: string, at: number): boolean =>
        fixed || stays ? each === before[at] : NEXT_POOL.test(each);
      expect((await site.addresses()).map(isRight)).toEqual(links.map(() => true));
      expect(scene.tap.seen('nak').length > 0).toBe(!fixed && !stays);
    });
  });
}
