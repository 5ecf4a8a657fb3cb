import { requireRoot } from '@kios/testkit';
import type { Dhcp6Server } from '@kios/testkit/dhcp';
import { beforeAll, beforeEach, describe, it } from 'vitest';

import { buildAgent } from './agent.ts';
import { CLAIMS6 } from './claims6.ts';
import { Scene6 } from './scene6.ts';

/** Adds the tests of one server of DHCPv6, as `describeServer` does for those of IPv4. */
export function describeServer6(server: Dhcp6Server): void {
  beforeEach(requireRoot);
  beforeAll(buildAgent, 60_000);

  const timeout = server.minValidSeconds * 1000 + 240_000;

  describe(`DHCPv6 with ${server.name}`, { timeout }, () => {
    it.concurrent.for(CLAIMS6)('$title', async ({ check }, { expect }) => {
      await using scene = await Scene6.open(server);
      await expect(check(scene)).resolves.toBeUndefined();
    });
  });
}
