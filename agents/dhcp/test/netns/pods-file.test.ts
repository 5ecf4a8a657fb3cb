import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import { writeAtomic } from '@kios/agent';
import { Netns, requireRoot } from '@kios/testkit';
import { dnsmasq } from '@kios/testkit/dhcp';
import { beforeAll, beforeEach, expect, it } from 'vitest';

import { addressesOf, buildAgent, eventually, macOf } from '../support/netns/agent.ts';
import { buildPlugins, callPlugin, reaches } from '../support/netns/lan-host.ts';
import { Scene } from '../support/netns/scene.ts';

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);
beforeAll(buildPlugins, 120_000);

const PLAIN = 'network: {version: 2, ethernets: {eth0: {dhcp4: true}}}';
const LAN = `
network:
  version: 2
  ethernets: {eth0: {}}
  bridges: {br0: {interfaces: [eth0], dhcp4: true}}
pods: {lan: br0}
`;

it('a network file with pods: the agent makes the bridge, and pods come and go without the host noticing', async () => {
  await using scene = await Scene.open(dnsmasq);
  await scene.serve();
  const { machine, client } = scene;
  await using netns = await Netns.open('pod');
  const file = path.join(machine.folder, 'etc/network.yaml');
  const run = path.join(machine.folder, 'kios');
  for (const folder of [path.dirname(file), run]) await mkdir(folder, { recursive: true });
  await writeAtomic(file, PLAIN);
  const daemon = machine.startAuto('run', ['eth0'], `--network=${file}`, `--lan-dir=${run}/lan`);
  await daemon.expect('lease.bound', 15_000);
  const before = await addressesOf(client);
  const mac = await macOf(client);
  await writeAtomic(file, LAN);
  await daemon.expect('pods.serve', 20_000);
  await eventually(async () => expect(await addressesOf(client, 'br0')).toEqual(before));
  const pod = { netns, name: 'web-0', container: 'c1' };
  await callPlugin(client, run, 'ADD', pod);
  expect(await addressesOf(netns)).toHaveLength(1);
  expect([await macOf(client, 'br0'), await addressesOf(client, 'br0')]).toEqual([mac, before]);
  // Somebody deletes the bridge: the agent makes it again, and the pod is on it again.
  const again = daemon.expectNext('pods.serve', 20_000);
  await client.exec('ip', 'link', 'delete', 'br0');
  await again;
  const neighbour = await scene.neighbour.exec('ip', '-4', '-br', 'address', 'show', 'dev', 'eth0');
  await eventually(async () =>
    expect(await reaches(netns, neighbour.split(/\s+/)[2]?.split('/')[0] ?? '')).toBe(true),
  );
  await eventually(async () => expect(await addressesOf(client, 'br0')).toEqual(before));
  await callPlugin(client, run, 'DEL', pod);
  expect(await addressesOf(client, 'br0')).toEqual(before);
  // Without pods in the file, the plugin is told to come back later.
  const end = daemon.expectNext('pods.end', 10_000);
  await writeAtomic(file, LAN.replace('pods: {lan: br0}', ''));
  await end;
  await expect(callPlugin(client, run, 'ADD', pod)).rejects.toThrow('"code":11');
}, 90_000);
