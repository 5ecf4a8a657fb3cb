import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { writeAtomic } from '@kios/agent';
import { Lease6 } from '@kios/node-state';
import { requireRoot } from '@kios/testkit';
import { dnsmasq, iscDhcpd6 } from '@kios/testkit/dhcp';
import * as v from 'valibot';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { buildAgent, eventually, type Machine } from '../support/netns/agent.ts';
import { readText } from '../support/netns/network6.ts';
import { ADDRESS, Scene } from '../support/netns/scene.ts';
import { NETWORK, Scene6 } from '../support/netns/scene6.ts';

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

const NTP = '10.77.0.7';
const timeout = 120_000;

/** Says this of the machine's card in its network file. */
async function say({ folder }: Machine, eth0: string): Promise<string> {
  const file = path.join(folder, 'etc/network.yaml');
  await mkdir(path.dirname(file), { recursive: true });
  await writeAtomic(file, `network: {version: 2, ethernets: {eth0: ${eth0}}}`);
  return `--network=${file}`;
}

const with4 = (overrides: string): string => `{dhcp4: true, dhcp4-overrides: {${overrides}}}`;
const NOTHING_USED = with4('use-domains: false, use-ntp: false, route-metric: 50');

interface Used {
  readonly names: readonly string[];
  readonly ntp: readonly string[];
  readonly metric: number;
}
const ALL_USED: Used = { names: ['lan.example'], ntp: [NTP], metric: 100 };
const NONE_USED: Used = { names: [], ntp: [], metric: 50 };

const Stored = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ search: v.array(v.string()), ntp: v.array(v.string()), checked: v.boolean() }),
);

const stored = async (machine: Machine): Promise<v.InferOutput<typeof Stored>> =>
  v.parse(Stored, await readText(machine.runFile('eth0.json')));

/** Waits until resolver, published lease and kernel are as the file says. */
async function uses({ client, machine }: Scene, { names, ntp, metric }: Used): Promise<void> {
  await eventually(async () => {
    expect(await stored(machine)).toEqual({ search: names, ntp, checked: true });
    const resolver = await readFile(machine.runFile('resolv.conf'), 'utf8');
    expect(resolver).toContain(`nameserver ${ADDRESS}\n`);
    expect(/^search (.*)$/m.exec(resolver)?.[1]?.split(' ') ?? []).toEqual(names);
    const routes = await client.exec('ip', 'route', 'show', 'dev', 'eth0');
    const metrics = [...routes.matchAll(/metric (\d+)/g)].map(([, found]) => Number(found));
    expect([...new Set(metrics)]).toEqual([metric]);
    expect(routes).toContain(`default via ${ADDRESS}`);
  });
}

describe('what the network file says of a lease that is there', { timeout }, () => {
  it.concurrent('counts at once, and so does what it no longer says', async () => {
    await using scene = await Scene.open(dnsmasq);
    await scene.serve({ search: ['lan.example'], ntp: [NTP] });
    const { machine } = scene;
    const flag = await say(machine, '{dhcp4: true}');
    const daemon = machine.startAuto('run', ['eth0'], flag);
    await daemon.expect('lease.bound');
    await uses(scene, ALL_USED);
    const asked = scene.count('request');
    await say(machine, NOTHING_USED);
    await uses(scene, NONE_USED);
    await say(machine, '{dhcp4: true}');
    await uses(scene, ALL_USED);
    expect(scene.count('request')).toBe(asked);
  });

  it.concurrent('counts where it changed while no agent ran', async () => {
    await using scene = await Scene.open(dnsmasq);
    await scene.serve({ search: ['lan.example'], ntp: [NTP] });
    const { machine } = scene;
    const flag = await say(machine, NOTHING_USED);
    const daemon = machine.startAuto('run', ['eth0'], flag);
    await daemon.expect('lease.bound');
    await uses(scene, NONE_USED);
    const asked = scene.count('request');
    await daemon.stop('SIGKILL');
    await say(machine, '{dhcp4: true}');
    const again = machine.startAuto('run', ['eth0'], flag);
    await again.expect('lease.adopted');
    await uses(scene, ALL_USED);
    expect(scene.count('request')).toBe(asked);
  });

  it.concurrent('counts at once for DHCPv6 too', async () => {
    await using scene = await Scene6.open(iscDhcpd6);
    await scene.serve({ ntp: [`${NETWORK}::7`] });
    const { machine } = scene;
    const flag = await say(machine, '{dhcp6: true}');
    const daemon = machine.startAuto('run', ['eth0'], flag);
    await daemon.expect('lease6.bound');
    const uses6 = (names: readonly string[], dns: boolean, ntp: boolean): Promise<void> =>
      eventually(async () => {
        const text = await readText(machine.runFile('v6/eth0.json'));
        const record = v.parse(v.pipe(v.string(), v.parseJson(), Lease6), text);
        expect(record.ntp).toEqual(ntp ? [`${NETWORK}::7`] : []);
        const resolver = await readText(machine.runFile('resolv.conf'));
        expect(resolver.includes(`nameserver ${NETWORK}::53`)).toBe(dns);
        expect(/^search (.*)$/m.exec(resolver)?.[1]?.split(' ') ?? []).toEqual(names);
      });
    await uses6(['example.org'], true, true);
    const overrides = 'use-domains: false, use-ntp: false';
    await say(machine, `{dhcp6: true, dhcp6-overrides: {${overrides}}}`);
    await uses6([], true, false);
    // Without any server the file stays as it is.
    const own = `nameservers: {addresses: ["${NETWORK}::54"]}`;
    await say(machine, `{dhcp6: true, ${own}, dhcp6-overrides: {use-dns: false}}`);
    await uses6([], false, true);
    await say(machine, '{dhcp6: true}');
    await uses6(['example.org'], true, true);
    expect([scene.count('renew'), scene.count('request')]).toEqual([0, 1]);
  });
});
