import { requireRoot, startDnsmasq } from '@kios/testkit';
import { kea6 } from '@kios/testkit/dhcp';
import { beforeAll, beforeEach, describe, it } from 'vitest';

import { addressesOf, buildAgent, eventually } from '../support/netns/agent.ts';
import { globalsOf, leasedOf, readText } from '../support/netns/network6.ts';
import { NETWORK, Scene6 } from '../support/netns/scene6.ts';

const PREFIX = `${NETWORK}::/64`;
const DNS = `${NETWORK}::53`;
const OTHER_DNS = `${NETWORK}::54`;

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

const resolverOf = ({ machine }: Scene6): Promise<string> =>
  readText(machine.runFile('resolv.conf'));

describe('what routers announce', { timeout: 180_000 }, () => {
  it.concurrent('is in resolv.conf, with addresses that are the kernel’s', async ({ expect }) => {
    await using scene = await Scene6.open(kea6);
    await scene.announce({ prefix: PREFIX, dns: [DNS], search: ['lan.example'] });
    scene.machine.run();
    await eventually(async () => {
      expect(await resolverOf(scene)).toBe(
        `# kios-dhcp eth0\nnameserver ${DNS}\nsearch lan.example\n`,
      );
    }, 30_000);
    await eventually(async () => {
      expect(await globalsOf(scene.client)).toHaveLength(1);
    });
    expect(await leasedOf(scene.client)).toEqual([]);
  });

  it.concurrent('is asked for by an agent that starts after it', async ({ expect }) => {
    await using scene = await Scene6.open(kea6);
    const seldom = { prefix: PREFIX, dns: [DNS], seldom: true };
    await scene.announce(seldom);
    await scene.client.exec('ip', 'link', 'set', 'eth0', 'up');
    await eventually(async () => {
      expect(await globalsOf(scene.client)).toHaveLength(1);
    }, 30_000);
    const before = scene.solicitations;
    const daemon = scene.machine.run();
    await daemon.expect('router.dns', 20_000);
    expect(scene.solicitations).toBeGreaterThan(before);
    expect(await resolverOf(scene)).toContain(`nameserver ${DNS}\n`);
  });

  it.concurrent.for([
    { dns: [], what: 'have said nothing of use' },
    { dns: [DNS], what: 'have named a server' },
  ])('is asked for when the cable is back, of routers that $what', async ({ dns }, { expect }) => {
    await using scene = await Scene6.open(kea6);
    await scene.announce({ prefix: PREFIX, seldom: true, dns });
    const daemon = scene.machine.run();
    await eventually(async () => {
      expect(await globalsOf(scene.client)).toHaveLength(1);
      const servers = dns.map((each) => `# kios-dhcp eth0\nnameserver ${each}\n`);
      expect(await resolverOf(scene)).toBe(servers.join(''));
    }, 30_000);
    // The kernel has its reply and asks no more.
    const before = scene.solicitations;
    // The daemon may not listen to routers yet when the cable is pulled for the first time.
    await eventually(async () => {
      await scene.flap();
      await eventually(() => expect(scene.solicitations).toBeGreaterThan(before), 5000);
    }, 30_000);
    await daemon.stop();
  });

  it.concurrent('is used for as long as it is announced for', async ({ expect }) => {
    await using scene = await Scene6.open(kea6);
    await scene.announce({ prefix: PREFIX, dns: [DNS], lifetimeSeconds: 8 });
    const daemon = scene.machine.run();
    await daemon.expect('router.dns', 30_000);
    // A router that is gone withdraws nothing.
    await scene.killRouter();
    await scene.announce({ prefix: PREFIX, dns: [OTHER_DNS] });
    await eventually(async () => {
      expect(await resolverOf(scene)).toContain(`nameserver ${OTHER_DNS}\n`);
    }, 30_000);
    await eventually(async () => {
      expect(await resolverOf(scene)).toBe(`# kios-dhcp eth0\nnameserver ${OTHER_DNS}\n`);
    }, 30_000);
  });

  it.concurrent('starts DHCPv6 when the flags say so', async ({ expect }) => {
    await using scene = await Scene6.open(kea6);
    await scene.announce({ prefix: PREFIX });
    const daemon = scene.machine.run();
    await eventually(async () => {
      expect(await globalsOf(scene.client)).toHaveLength(1);
    }, 30_000);
    await scene.serve({}, false);
    expect(scene.count('solicit') + scene.count('information')).toBe(0);
    await scene.announce({ prefix: PREFIX, other: true });
    await scene.expect('information');
    await eventually(async () => {
      expect(await resolverOf(scene)).toContain(`nameserver ${DNS}\n`);
    });
    expect(scene.count('solicit')).toBe(0);
    await scene.announce({ prefix: PREFIX, managed: true, other: true });
    await daemon.expect('lease6.bound');
    await eventually(async () => {
      expect(await leasedOf(scene.client)).toHaveLength(1);
    });
    // Both addresses stay: that of the router, and that of the server.
    expect(await globalsOf(scene.client)).toHaveLength(2);
  });

  it.concurrent('is not waited for where a setting says so', async ({ expect }) => {
    await using scene = await Scene6.open(kea6);
    await scene.serve({}, false);
    const daemon = scene.machine.run('--dhcp6=on');
    await daemon.expect('lease6.bound', 40_000);
    expect(await leasedOf(scene.client)).toHaveLength(1);
  });

  it.concurrent('comes beside what a server of IPv4 gives', async ({ expect }) => {
    await using scene = await Scene6.open(kea6);
    await scene.server.exec('ip', 'address', 'add', '10.77.0.1/24', 'dev', 'srv0');
    await startDnsmasq(scene.server, {
      interface: 'srv0',
      range: '10.77.0.10,10.77.0.20,255.255.255.0,2m',
      options: ['6,10.77.0.53', '119,v4.example'],
    });
    await scene.serve({}, false);
    await scene.announce({ prefix: PREFIX, managed: true, dns: [OTHER_DNS] });
    const daemon = scene.machine.run();
    await daemon.expect('lease.bound');
    await daemon.expect('lease6.bound');
    await eventually(async () => {
      expect(await resolverOf(scene)).toBe(
        `# kios-dhcp eth0\nnameserver 10.77.0.53\nnameserver ${DNS}\nnameserver ${OTHER_DNS}\n` +
          'search v4.example example.org\n',
      );
    });
    expect(await addressesOf(scene.client)).toHaveLength(1);
    await eventually(async () => {
      expect(await globalsOf(scene.client)).toHaveLength(2);
    });
  });

  it.concurrent('is all that a one-shot has in a network without IPv4', async ({ expect }) => {
    await using scene = await Scene6.open(kea6);
    await scene.announce({ prefix: PREFIX, dns: [DNS] });
    expect(await scene.machine.acquire().exited).toBe(0);
    expect(await resolverOf(scene)).toContain(`nameserver ${DNS}\n`);
    expect(await globalsOf(scene.client)).toHaveLength(1);
  });

  it.concurrent('may be a server that is known by its link alone', async ({ expect }) => {
    await using scene = await Scene6.open(kea6);
    await scene.announce({ prefix: PREFIX, dns: ['fe80::53'] });
    scene.machine.run();
    await eventually(async () => {
      expect(await resolverOf(scene)).toBe('# kios-dhcp eth0\nnameserver fe80::53%eth0\n');
    }, 30_000);
    await scene.announce({ prefix: PREFIX, dns: ['fe80::53', DNS] });
    await eventually(async () => {
      expect(await resolverOf(scene)).toBe(`# kios-dhcp eth0\nnameserver ${DNS}\n`);
    }, 30_000);
  });
});
