import { requireRoot, startDnsmasq, Wire } from '@kios/testkit';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { buildAgent, eventually, Machine, shippedRuntime } from '../../support/netns/agent.ts';
import { acceptRouters, leasedOf, readText } from '../../support/netns/network6.ts';

const ROUTER = '2001:db8:77::1';

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

describe('dnsmasq', () => {
  it('stateful', async () => {
    await using wire = await Wire.open(`${ROUTER}/64`);
    await acceptRouters(wire.client);
    await wire.server.exec('sysctl', '-qw', 'net.ipv6.conf.srv0.forwarding=1');
    const server = await startDnsmasq(wire.server, {
      interface: 'srv0',
      range: '2001:db8:77::100,2001:db8:77::1ff,64,2m',
      extra: ['--enable-ra', '--dhcp-option=option6:dns-server,[2001:db8:77::53]'],
    });
    const machine = await Machine.open(wire.client, shippedRuntime());
    const agent = machine.run();
    try {
      await agent.expect('lease6.bound');
      await eventually(async () => expect(await leasedOf(wire.client)).toHaveLength(1));
      await eventually(async () =>
        expect(await readText(machine.runFile('resolv.conf'))).toContain('2001:db8:77::53'),
      );
    } finally {
      console.log(agent.lines.join('\n'), server.lines.join('\n'));
    }
  });
});
