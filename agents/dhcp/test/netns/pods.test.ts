import { requireRoot } from '@kios/testkit';
import { beforeAll, beforeEach, expect, it } from 'vitest';

import { addressesOf, eventually, macOf } from '../support/netns/agent.ts';
import {
  buildPlugins,
  HOST,
  LanHost,
  NEIGHBOUR,
  reaches,
  SERVICES,
} from '../support/netns/lan-host.ts';

beforeEach(requireRoot);
beforeAll(buildPlugins, 120_000);

const bare = (address: string): string => address.split('/')[0] ?? '';

it('a pod has an address of the segment, reaches it and is reached', async () => {
  await using host = await LanHost.open();
  await host.serve();
  await host.start();
  const pod = await host.pod('web-0');
  const result = await host.add(pod);
  const [address = ''] = await addressesOf(pod.netns);
  expect(result.ips).toEqual([{ address }]);
  expect(address).toMatch(/^10\.77\.0\.1\d\d\/24$/);
  const mac = await macOf(pod.netns);
  expect(result.interfaces.at(-1)?.mac).toBe(mac);
  expect(await reaches(host.lan.neighbour, bare(address))).toBe(true);
  expect(await reaches(pod.netns, NEIGHBOUR)).toBe(true);
  expect(await reaches(pod.netns, HOST)).toBe(true);
  expect(await pod.netns.exec('ip', 'route')).toContain(`${SERVICES} via ${HOST}`);
  await host.cni('CHECK', pod, JSON.parse(JSON.stringify({ cniVersion: '1.0.0', ...result })));
  await host.cni('DEL', pod);
  await host.server.expect(`DHCPRELEASE(srv0) ${bare(address)} ${mac}`);
  expect(await addressesOf(host.lan.client, 'br0')).toEqual([`${HOST}/24`]);
}, 60_000);

/** Waits for the server's log to name an address in an ACK that is yet to come. */
const nextAck = (host: LanHost, address: string): Promise<string> =>
  host.server.expectNext(`DHCPACK(srv0) ${bare(address)}`, 15_000);

it('the agent is killed: pods keep their leases, which are renewed, and one that goes meanwhile gives its back', async () => {
  await using host = await LanHost.open();
  await host.serve();
  await host.start();
  const [stays, goes] = [await host.pod('stays'), await host.pod('goes')];
  const kept = (await host.add(stays)).ips[0]?.address ?? '';
  const gone = (await host.add(goes)).ips[0]?.address ?? '';
  await host.kill();
  await host.cni('DEL', goes);
  const renewed = nextAck(host, kept);
  const agent = await host.start();
  await agent.expect('pod.adopted');
  await host.server.expect(`DHCPRELEASE(srv0) ${bare(gone)}`);
  await renewed;
  expect(host.server.lines.filter((line) => line.includes('DHCPDISCOVER'))).toHaveLength(2);
  expect(await reaches(host.lan.neighbour, bare(kept))).toBe(true);
}, 60_000);

it('the cable is pulled and returns: pods ask for their addresses again and keep them', async () => {
  await using host = await LanHost.open();
  // No renewal comes in the meantime.
  await host.serve(undefined, { t1Seconds: 60, t2Seconds: 100 });
  await host.start();
  const pod = await host.pod('web-0');
  const address = (await host.add(pod)).ips[0]?.address ?? '';
  await host.plug(false);
  // A server that was told nothing can only know the address by its being asked for.
  await host.serve();
  const acknowledged = nextAck(host, address);
  await host.plug(true);
  await acknowledged;
  expect(host.server.lines.filter((line) => line.includes('DHCPDISCOVER'))).toEqual([]);
  expect(await addressesOf(pod.netns)).toEqual([address]);
  expect(await reaches(host.lan.neighbour, bare(address))).toBe(true);
}, 60_000);

it('another server has no leases: pods keep their addresses', async () => {
  await using host = await LanHost.open();
  await host.serve();
  await host.start();
  const pod = await host.pod('web-0');
  const address = (await host.add(pod)).ips[0]?.address ?? '';
  await host.serve();
  await nextAck(host, address);
  expect(await addressesOf(pod.netns)).toEqual([address]);
  expect(await reaches(pod.netns, NEIGHBOUR)).toBe(true);
}, 60_000);

it('the node boots again, or the pod starts again: it has the same hardware address and lease', async () => {
  await using host = await LanHost.open();
  await host.serve();
  await host.start();
  const first = await host.pod('web-0');
  const before = await host.add(first);
  const again = await host.pod('web-0');
  const discovers = (): number =>
    host.server.lines.filter((line) => line.includes('DHCPDISCOVER')).length;
  await first.netns.exec('ip', 'link', 'delete', 'eth0');
  expect((await host.add(again)).ips).toEqual(before.ips);
  // The older container goes last, and must not take the lease with it.
  await host.cni('DEL', first);
  await host.reboot();
  await host.start();
  const after = await host.add(await host.pod('web-0'));
  expect(after.ips).toEqual(before.ips);
  expect(after.interfaces.at(-1)?.mac).toBe(before.interfaces.at(-1)?.mac);
  expect(discovers()).toBe(1);
  expect(host.server.lines.some((line) => line.includes('DHCPRELEASE'))).toBe(false);
}, 60_000);

it('an address that another host has is not given to a pod', async () => {
  await using host = await LanHost.open();
  // The server's only addresses are the neighbour's and the next.
  await host.serve([NEIGHBOUR, '10.77.0.10']);
  const agent = await host.start();
  const addresses = new Set<string | undefined>();
  for (const name of ['a', 'b', 'c', 'd']) {
    const pod = await host.pod(name);
    addresses.add((await host.add(pod)).ips[0]?.address);
    await host.cni('DEL', pod);
    await host.server.expectNext('DHCPRELEASE');
    if (agent.lines.some((line) => line.includes('"conflict"'))) break;
  }
  await agent.expect('"ev":"conflict"', 1000);
  await host.server.expect(`DHCPDECLINE(srv0) ${NEIGHBOUR}`);
  expect([...addresses]).toEqual(['10.77.0.10/24']);
}, 90_000);

it('an address whose lease is over leaves the segment, and comes back with the server', async () => {
  await using host = await LanHost.open();
  await host.serve();
  const agent = await host.start();
  const pod = await host.pod('web-0');
  const address = (await host.add(pod)).ips[0]?.address ?? '';
  await host.expire();
  const next = await host.start();
  await next.expect('KIOS_DHCP_POD_LOST');
  expect(await reaches(host.lan.neighbour, bare(address))).toBe(false);
  await host.serve();
  await next.expect('"connected":true', 30_000);
  await eventually(async () => expect(await reaches(host.lan.neighbour, bare(address))).toBe(true));
  expect(agent.lines.some((line) => line.includes('KIOS_DHCP_POD_LOST'))).toBe(false);
}, 90_000);

it('an address that lives on another node by now is not given back', async () => {
  await using host = await LanHost.open();
  await host.serve();
  const agent = await host.start();
  const pod = await host.pod('web-0');
  const address = (await host.add(pod)).ips[0]?.address ?? '';
  await host.kill();
  await host.cni('DEL', pod);
  await host.lan.neighbour.exec('ip', 'address', 'add', address, 'dev', 'eth0');
  const next = await host.start();
  await next.expect('pod.elsewhere');
  expect(host.server.lines.some((line) => line.includes('DHCPRELEASE'))).toBe(false);
  expect(agent.lines.some((line) => line.includes('pod.elsewhere'))).toBe(false);
}, 60_000);

it('50 pods keep their addresses while the agent is killed and the server replaced', async () => {
  await using host = await LanHost.open();
  await host.serve();
  await host.start();
  const pods = await Promise.all(
    Array.from({ length: 50 }, (_, index) => host.pod(`web-${index}`)),
  );
  const given = new Map<string, string>();
  for (let from = 0; from < pods.length; from += 10)
    await Promise.all(
      pods.slice(from, from + 10).map(async (pod) => {
        given.set(pod.name, (await host.add(pod)).ips[0]?.address ?? '');
      }),
    );
  expect(new Set(given.values()).size).toBe(50);
  await host.kill();
  await host.serve();
  await host.start();
  await eventually(() => {
    const acks = host.server.lines.filter((line) => line.includes('DHCPACK')).join('\n');
    for (const address of given.values()) expect(acks).toContain(`${bare(address)} `);
  }, 30_000);
  for (const pod of pods) expect(await addressesOf(pod.netns)).toEqual([given.get(pod.name)]);
}, 180_000);

it('announcements of routers give pods IPv6 addresses, and still reach the host when pods come', async () => {
  await using host = await LanHost.open();
  await host.lan.server.exec('ip', 'address', 'add', 'fd00:77::1/64', 'dev', 'srv0', 'nodad');
  await host.lan.client.exec('sh', '-c', 'echo 2 > /proc/sys/net/ipv6/conf/br0/accept_ra');
  await host.serve();
  await using _ = await host.announce('fd00:77::');
  await host.start();
  const pod = await host.pod('web-0');
  await host.add(pod);
  const accepted = await host.lan.client.exec('cat', '/proc/sys/net/ipv6/conf/br0/accept_ra');
  expect(accepted.trim()).toBe('2');
  await eventually(async () => {
    for (const [netns, link] of [
      [pod.netns, 'eth0'],
      [host.lan.client, 'br0'],
    ] as const)
      expect(await netns.exec('ip', '-6', 'address', 'show', 'dev', link)).toContain('fd00:77:');
  }, 20_000);
}, 60_000);

it('a pod reaches a Service through the host, also one whose endpoint is on the segment or itself', async () => {
  await using host = await LanHost.open();
  await host.serve();
  await host.start();
  const [from, endpoint] = [await host.pod('from'), await host.pod('endpoint')];
  await host.add(from);
  const address = bare((await host.add(endpoint)).ips[0]?.address ?? '');
  const service = '10.96.0.10';
  expect(await reaches(from.netns, service)).toBe(false);
  await host.translate(service, address);
  for (const pod of [from, from, endpoint]) expect(await reaches(pod.netns, service)).toBe(true);
}, 60_000);

it('an attachment leaves the pod the default routes of its own network', async () => {
  await using host = await LanHost.open();
  await host.lan.server.exec('ip', 'address', 'add', 'fd00:77::1/64', 'dev', 'srv0', 'nodad');
  await host.serve();
  await using _ = await host.announce('fd00:77::');
  await host.start();
  const pod = await host.pod('web-0');
  const { netns } = pod;
  for (const step of [
    'link add eth0 type veth peer name other',
    'address add 10.42.0.5/24 dev eth0',
    'link set other up',
    'link set eth0 up',
    'route add default via 10.42.0.1',
    '-6 route add default via fe80::1 dev eth0',
  ])
    await netns.exec('ip', ...step.split(' '));
  const routes = async (family: string): Promise<string> =>
    netns.exec('ip', family, 'route', 'show', 'default');
  const before = [await routes('-4'), await routes('-6')];
  await host.add({ ...pod, interface: 'net1' });
  await eventually(async () => {
    const shown = await netns.exec('ip', '-6', 'address', 'show', 'dev', 'net1', 'scope', 'global');
    expect(shown).toContain('fd00:77:');
    expect(shown).not.toContain('tentative');
  }, 20_000);
  expect([await routes('-4'), await routes('-6')]).toEqual(before);
  expect(await reaches(netns, NEIGHBOUR)).toBe(true);
  const setting = '/proc/sys/net/ipv6/conf/default/accept_ra_defrtr';
  expect((await netns.exec('cat', setting)).trim()).toBe('1');
}, 60_000);
