import { requireRoot } from '@kios/testkit';
import type { DhcpServer } from '@kios/testkit/dhcp';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { buildAgent } from './agent.ts';
import { CLAIMS } from './claims.ts';
import { Scene } from './scene.ts';

/**
 * Adds the tests of one server. Each server has a file, so that they run in parallel. Each claim is checked against the
 * server's log (or, where it logs nothing, the frames on its wire) and against the kernel.
 */
export function describeServer(server: DhcpServer): void {
  beforeEach(requireRoot);
  beforeAll(buildAgent, 60_000);

  const timeout = server.minLeaseSeconds * 1000 + 120_000;

  describe(`with ${server.name}`, { timeout }, () => {
    // Features that a server lacks are listed with the reasons in its table and in docs/dhcp.md.
    const claims = CLAIMS.filter(({ feature }) => server.cannot[feature] === undefined);
    it.concurrent.for(claims)('$title', async ({ check }) => {
      await using scene = await Scene.open(server);
      await expect(check(scene)).resolves.toBeUndefined();
    });
  });
}
