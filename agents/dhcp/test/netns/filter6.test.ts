import { requireRoot } from '@kios/testkit';
import { dnsmasq6 } from '@kios/testkit/dhcp';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { buildAgent } from '../support/netns/agent.ts';
import { leasedOf } from '../support/netns/network6.ts';
import { Scene6 } from '../support/netns/scene6.ts';

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

describe('a packet filter that drops what the host sends', { timeout: 90_000 }, () => {
  it('costs messages of DHCPv6, and a lease comes once it is gone', async () => {
    await using scene = await Scene6.open(dnsmasq6);
    const { client, machine } = scene;
    await scene.serve();
    await client.exec('nft', 'add table ip6 f');
    const hook = 'type filter hook output priority 0; policy accept;';
    await client.exec('nft', `add chain ip6 f out { ${hook} }`);
    await client.exec('nft', 'add rule ip6 f out udp dport 547 drop');
    const daemon = machine.startAuto('run', ['eth0']);
    await daemon.expect(/tx\.fail.*EPERM/, 30_000);
    await daemon.expect(/tx\.fail.*EPERM/, 30_000);
    await client.exec('nft', 'delete table ip6 f');
    await daemon.expect('lease6.bound', 30_000);
    expect(await leasedOf(client)).toHaveLength(1);
    expect(daemon.lines.some((line) => line.includes('client6.fail'))).toBe(false);
  });
});
