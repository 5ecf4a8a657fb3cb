import { requireRoot } from '@kios/testkit';
import type { DhcpServer } from '@kios/testkit/dhcp';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { buildAgent } from './agent.ts';
import { CLAIMS } from './claims.ts';
import { Scene } from './scene.ts';

/**
 * Adds the tests of one server; a file for each, so that they run at a time. Every claim is checked with what the server logs (or,
 * where it keeps quiet, with what passes on its wire) and with what the kernel says.
 */
export function describeServer(server: DhcpServer): void {
  beforeEach(requireRoot);
  beforeAll(buildAgent, 60_000);

  const timeout = server.minLeaseSeconds * 1000 + 120_000;

  describe(`with ${server.name}`, { timeout }, () => {
    // What a server cannot take part in, and why, is in its table and in docs/dhcp.md.
    const claims = CLAIMS.filter(({ feature }) => server.cannot[feature] === undefined);
    it.concurrent.for(claims)('$title', async ({ check }) => {
      await using scene = await Scene.open(server);
      await expect(check(scene)).resolves.toBeUndefined();
    });
  });
}
