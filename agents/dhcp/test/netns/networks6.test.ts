import { requireRoot, type RunningProcess } from '@kios/testkit';
import { kea6 } from '@kios/testkit/dhcp';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { buildAgent, eventually } from '../support/netns/agent.ts';
import { globalsOf, leasedOf, readText } from '../support/netns/network6.ts';
import { type Network6, NETWORKS6, SLAAC } from '../support/netns/networks6.ts';
import { NETWORK, Scene6 } from '../support/netns/scene6.ts';

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

const PROMPT = 30_000;
const NEXT_NETWORK = '2001:db8:78';
const LEASED = new RegExp(`^${NETWORK}::1[0-9a-f]{3}/128$`);
const MADE = new RegExp(`^${NETWORK}:[^/]+/64$`);
const timeout = 120_000;

/** Starts as a boot does, on a network without IPv4. Returns the daemon and its addresses. */
async function lease(
  scene: Scene6,
  network: Network6,
): Promise<{ daemon: RunningProcess; addresses: string[] }> {
  const daemon = scene.machine.startAuto('run', ['eth0']);
  await daemon.expect('lease6.bound', PROMPT);
  return { daemon, addresses: await leased(scene, network) };
}

/** Waits until kernel and resolver have what server and router gave. Returns the addresses, the leased one first. */
async function leased({ client, machine }: Scene6, { slaac }: Network6): Promise<string[]> {
  let addresses: string[] = [];
  await eventually(async () => {
    const all = (await globalsOf(client)).map(({ address }) => address);
    addresses = all.toSorted((a, b) => Number(MADE.test(a)) - Number(MADE.test(b)));
    const kinds = slaac ? [LEASED, MADE] : [LEASED];
    expect(addresses).toHaveLength(kinds.length);
    for (const [at, kind] of kinds.entries()) expect(addresses[at]).toMatch(kind);
    expect(await client.exec('ip', '-6', 'route', 'show', 'default')).toContain('dev eth0');
    const resolver = await readText(machine.runFile('resolv.conf'));
    expect(resolver).toContain(`nameserver ${NETWORK}::53\n`);
  }, PROMPT);
  return addresses;
}

/** Pulls the cable, and plugs it in again once the machine has no carrier. */
async function flap({ client, server }: Scene6): Promise<void> {
  const set = (state: string): Promise<string> => server.exec('ip', 'link', 'set', 'port1', state);
  await set('down');
  await eventually(async () =>
    expect(await client.exec('ip', 'link', 'show', 'eth0')).toContain('NO-CARRIER'),
  );
  await set('up');
}

describe.concurrent.each(NETWORKS6)('$name', { timeout }, (network) => {
  const { server, next, slaac } = network;
  it.concurrent('gives a machine that starts its address, route and resolver', async () => {
    await using scene = await Scene6.open(server);
    await scene.serve({ slaac });
    await lease(scene, network);
    expect(scene.count('solicit')).toBeGreaterThan(0);
  });

  it.concurrent('keeps them when the agent is killed and starts again', async () => {
    await using scene = await Scene6.open(server);
    await scene.serve({ slaac });
    const { daemon, addresses } = await lease(scene, network);
    const solicits = scene.count('solicit');
    await daemon.stop('SIGKILL');
    const again = scene.machine.startAuto('run', ['eth0']);
    await again.expect('lease6.adopted', PROMPT);
    expect(await leased(scene, network)).toEqual(addresses);
    expect(scene.count('solicit')).toBe(solicits);
  });

  it.concurrent('keeps them when the cable is pulled and plugged in', async () => {
    await using scene = await Scene6.open(server);
    await scene.serve({ slaac });
    const { addresses } = await lease(scene, network);
    const solicits = scene.count('solicit');
    // RFC 8415, 18.2.3: a host that may have moved confirms its addresses.
    const confirmed = scene.expectNext('confirm', PROMPT);
    await flap(scene);
    await confirmed;
    expect(await leased(scene, network)).toEqual(addresses);
    expect(scene.count('solicit')).toBe(solicits);
  });

  it.concurrent('keeps them when another server of the same link confirms them', async () => {
    await using scene = await Scene6.open(server);
    await scene.serve({ slaac });
    const { addresses } = await lease(scene, network);
    await scene.stopServing();
    await scene.changeServer(next);
    await scene.serve({ slaac });
    await flap(scene);
    await scene.expect('confirm', PROMPT);
    await scene.expect('reply', PROMPT);
    expect(await leased(scene, network)).toEqual(addresses);
    expect(scene.count('solicit')).toBe(0);
  });
});

const prefixOf = (address: string): string => address.split(':').slice(0, 3).join(':');

/** Waits for one address of each prefix, and for the resolver that a router told last. */
async function announced({ client, machine }: Scene6, ...networks: string[]): Promise<string[]> {
  let addresses: string[] = [];
  await eventually(async () => {
    addresses = (await globalsOf(client)).map(({ address }) => address).toSorted();
    expect(addresses.map(prefixOf)).toEqual(networks);
    const resolver = await readText(machine.runFile('resolv.conf'));
    expect(resolver).toContain(`nameserver ${networks.at(-1)}::53\n`);
  }, PROMPT);
  return addresses;
}

const router = (network: string): { prefix: string; dns: string[] } => ({
  prefix: `${network}::/64`,
  dns: [`${network}::53`],
});

/** A network where a router's announcements are all. */
async function openSlaac(): Promise<{ scene: Scene6; daemon: RunningProcess }> {
  const scene = await Scene6.open(kea6);
  await scene.announce(router(NETWORK));
  return { scene, daemon: scene.machine.startAuto('run', ['eth0']) };
}

describe.each([SLAAC])('$name', { timeout }, () => {
  it.concurrent('gives a machine that starts its address and resolver', async () => {
    const { scene } = await openSlaac();
    await using _ = scene;
    await announced(scene, NETWORK);
    expect(await leasedOf(scene.client)).toEqual([]);
  });

  it.concurrent('keeps them when the agent is killed and starts again', async () => {
    const { scene, daemon } = await openSlaac();
    await using _ = scene;
    const before = await announced(scene, NETWORK);
    await daemon.stop('SIGKILL');
    const again = scene.machine.startAuto('run', ['eth0']);
    await again.expect('router.dns', PROMPT);
    expect(await announced(scene, NETWORK)).toEqual(before);
  });

  it.concurrent('keeps them when the cable is pulled, and hears the router again', async () => {
    const { scene } = await openSlaac();
    await using _ = scene;
    const before = await announced(scene, NETWORK);
    await flap(scene);
    const dns = [`${NEXT_NETWORK}::53`];
    await scene.announce({ ...router(NETWORK), dns });
    await eventually(async () => {
      const resolver = await readText(scene.machine.runFile('resolv.conf'));
      expect(resolver).toContain(`nameserver ${NEXT_NETWORK}::53\n`);
    }, PROMPT);
    expect((await globalsOf(scene.client)).map(({ address }) => address)).toEqual(before);
  });

  it.concurrent('adds an address of the prefix of another router', async () => {
    const { scene } = await openSlaac();
    await using _ = scene;
    const [before] = await announced(scene, NETWORK);
    await scene.killRouter();
    await scene.announce(router(NEXT_NETWORK));
    const [kept] = await announced(scene, NETWORK, NEXT_NETWORK);
    expect(kept).toBe(before);
  });
});
