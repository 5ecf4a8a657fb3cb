import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

import { requireRoot } from '@kios/testkit';
import { FAULT_KINDS } from '@kios/testkit/metadata';
import { beforeEach, describe, expect, it } from 'vitest';

import { Api } from '../support/api.ts';
import { cloudOf, CLOUDS } from '../support/clouds.ts';
import { clusterDocument, type NodeFolder } from '../support/node-folder.ts';
import { Place } from '../support/place.ts';
import { GOOD, stayIn } from '../support/stay.ts';

/**
 * Returns path, inode and time of all files the agent may write; a rewritten file has another inode. The lock names its
 * holder, which is another at each start.
 */
const filesOf = (node: NodeFolder): readonly string[] =>
  ['etc', 'var'].flatMap((dir) =>
    readdirSync(path.join(node.root, dir), { recursive: true, encoding: 'utf8' })
      .filter((file) => path.basename(file) !== 'lock')
      .map((file) => {
        const { ino, mtimeMs } = statSync(path.join(node.root, dir, file));
        return `${dir}/${file} ${ino} ${mtimeMs}`;
      }),
  );

beforeEach(requireRoot);

// One cloud with a single answer, and one with a token and an answer for each key.
describe.concurrent.each(['digitalocean', 'aws'])('%s misbehaves at first:', (provider) => {
  const cloud = cloudOf(provider);

  it.each(FAULT_KINDS)('%s; the agent asks again and joins', { timeout: 120_000 }, async (kind) => {
    await using stay = await stayIn(cloud, { userData: GOOD, fault: { kind, first: 2 } });
    await using agent = stay.place.agent('join');
    expect([await agent.exit, agent.errors]).toEqual([0, '']);
    expect(agent.count('imds.try')).toBeGreaterThan(0);
    expect(stay.place.node.read('etc/kubernetes/node-labels')).toContain('user-data');
    // A redirect leads to no metadata service.
    expect(stay.service.served.every(({ path }) => path !== '/login')).toBe(true);
  });
});

describe.concurrent('metadata services', () => {
  it('user data that appears late is waited for', { timeout: 120_000 }, async () => {
    const fault = { kind: 'late', first: 3, path: 'user-data' } as const;
    await using stay = await stayIn(cloudOf('aws'), { userData: GOOD, fault });
    await using agent = stay.place.agent('join');
    expect([await agent.exit, agent.errors]).toEqual([0, '']);
    expect(stay.place.node.read('etc/kubernetes/node-labels')).toContain('user-data');
  });

  it.each(['aws', 'akamai'])('%s: a token that expires meanwhile is replaced', async (provider) => {
    const machine = { tokenUses: 1 };
    await using stay = await stayIn(cloudOf(provider), { userData: GOOD, machine });
    await using agent = stay.place.agent('join');
    expect([await agent.exit, agent.errors]).toEqual([0, '']);
    expect(stay.service.served.filter(({ method }) => method === 'PUT').length).toBe(2);
    expect(stay.service.served.some(({ status }) => status === 401)).toBe(true);
  });

  it('a disabled service (403) is named, and not asked again and again', async () => {
    await using stay = await stayIn(cloudOf('scaleway'), { userData: GOOD });
    // Without NET_BIND_SERVICE the agent gets no port below 1024, and from others the service refuses.
    await using agent = stay.place.agent('join', ['--timeout=1']);
    expect(await agent.exit).not.toBe(0);
    const output = JSON.stringify(agent.lines) + agent.errors;
    expect(output).toContain('KIOS_BOOTSTRAP_METADATA_REFUSED');
    expect(output).toContain('NET_BIND_SERVICE');
  });

  it(
    'without any answer the fault names the unreached service, and nothing is written',
    { timeout: 120_000 },
    async () => {
      await using place = await Place.open({ own: ['10.0.2.15/24'], services: [] });
      place.firmware(cloudOf('hetzner').firmware);
      place.node.lease();
      await using agent = place.agent('join', ['--timeout=1']);
      expect(await agent.exit).toBe(69);
      expect(JSON.stringify(agent.lines) + agent.errors).toContain('KIOS_BOOTSTRAP_METADATA');
      expect(place.node.read('etc/hostname')).toBeUndefined();
    },
  );

  it('is not asked before there is a lease', async () => {
    await using stay = await stayIn(cloudOf('hetzner'), { userData: GOOD });
    stay.place.node.remove('run/kios/net/eth0.json');
    await using agent = stay.place.agent('join');
    await agent.expect('lease.wait');
    expect(stay.service.served).toEqual([]);
    stay.place.node.lease();
    expect([await agent.exit, agent.errors]).toEqual([0, '']);
  });

  it('with firmware of no cloud no address is asked', async () => {
    await using stay = await stayIn(cloudOf('aws'), { userData: GOOD });
    stay.place.firmware({
      sys_vendor: 'LENOVO',
      product_name: 'ThinkCentre',
      product_uuid: 'ec2-not',
    });
    await using agent = stay.place.agent('join');
    expect([await agent.exit, agent.errors]).toEqual([0, '']);
    expect(stay.service.served).toEqual([]);
    expect(agent.count('standalone')).toBe(1);
  });

  it('a provider named by flag or command line overrides the firmware', async () => {
    await using stay = await stayIn(cloudOf('hetzner'), { userData: GOOD });
    stay.place.firmware({ sys_vendor: 'Nobody' });
    stay.place.node.write('cmdline', 'quiet kios.provider=hetzner\n');
    await using agent = stay.place.agent('join');
    expect([await agent.exit, agent.errors]).toEqual([0, '']);
    expect(stay.service.served.length).toBeGreaterThan(0);
    const before = stay.service.served.length;
    await using none = stay.place.agent('join', ['--provider=none']);
    expect(await none.exit).toBe(0);
    expect(stay.service.served.length).toBe(before);
  });

  it('a complete seed volume of the cloud makes its metadata service unnecessary', async () => {
    await using stay = await stayIn(cloudOf('openstack'), { userData: GOOD });
    const drive = 'run/kios/seed/config-2/openstack/latest';
    stay.place.node.write(`${drive}/meta_data.json`, '{"uuid":"u-1"}');
    stay.place.node.write(`${drive}/user_data`, GOOD);
    await using agent = stay.place.agent('join');
    expect([await agent.exit, agent.errors]).toEqual([0, '']);
    expect(stay.service.served).toEqual([]);
  });

  it('a joined node asks no service and writes nothing, in this boot and the next', async () => {
    const hetzner = cloudOf('hetzner');
    await using place = await Place.open({ own: ['10.0.2.15/24'], services: [hetzner.ipv4] });
    const { node } = place;
    const api = await Api.start(place.netns);
    const userData = clusterDocument(api.endpoint, { ca: api.ca });
    const machine = { ...hetzner.machine, userData };
    const service = await place.serve({ cloud: 'hetzner', hosts: [hetzner.ipv4], machine });
    place.firmware(hetzner.firmware);
    node.lease();
    expect(await place.agent('join').exit).toBe(0);
    // kubelet gets its certificate.
    node.write(`var/lib/kubelet/pki/kubelet-client-current.pem`, api.identityOf(machine.hostname));
    node.write('etc/kubernetes/kubelet.conf', 'apiVersion: v1\nkind: Config\n');
    node.startKubelet('cluster');
    // The token is removed.
    expect(await place.agent('join').exit).toBe(0);
    const asked = service.served.length;
    const [files, state] = [filesOf(node), node.read('var/lib/kios/bootstrap/state.json')];
    for (const bootId of ['boot-1', 'boot-2']) {
      node.boot({ bootId, mode: 'cluster' });
      node.lease();
      await using again = place.agent('join');
      expect([await again.exit, again.errors]).toEqual([0, '']);
    }
    expect(service.served.length).toBe(asked);
    expect(node.sent).toEqual(['03']);
    expect([filesOf(node), node.read('var/lib/kios/bootstrap/state.json')]).toEqual([files, state]);
  });

  it('azure gets the report that the machine is ready', async () => {
    const azure = cloudOf('azure');
    await using stay = await stayIn(azure, { userData: GOOD });
    const wire = '168.63.129.16';
    await stay.place.netns.exec('ip', 'address', 'add', `${wire}/32`, 'dev', 'eth0');
    const wireserver = await stay.place.serve({
      cloud: 'wireserver',
      hosts: [wire],
      machine: azure.machine,
    });
    await using agent = stay.place.agent('join');
    expect([await agent.exit, agent.errors]).toEqual([0, '']);
    const reports = wireserver.served.filter(({ method }) => method === 'POST');
    expect(reports.map(({ status }) => status)).toEqual([200]);
  });

  it('every cloud has a case', () => {
    expect(new Set(CLOUDS.map(({ provider }) => provider)).size).toBe(11);
  });
});

describe('hop limit 1', () => {
  it("reaches a pod in the host's network, and no further", { timeout: 120_000 }, async () => {
    const aws = cloudOf('aws');
    await using cloud = await Place.open({ own: [], services: [aws.ipv4] });
    await using near = await Place.open({ own: [], services: [] });
    await using far = await Place.open({ own: [], services: [] });
    await Place.connect(cloud, near, ['10.0.2.2/24', '10.0.2.15/24']);
    await Place.connect(near, far, ['10.1.0.1/24', '10.1.0.2/24']);
    // The service's answers end at the first router.
    await cloud.netns.exec('ip', 'route', 'add', '10.1.0.0/24', 'via', '10.0.2.15');
    await cloud.netns.exec('sysctl', '-qw', 'net.ipv4.ip_default_ttl=1');
    await near.netns.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1');
    await near.netns.exec('ip', 'route', 'add', 'default', 'via', '10.0.2.2');
    await far.netns.exec('ip', 'route', 'add', 'default', 'via', '10.1.0.1');
    await cloud.serve({
      cloud: 'aws',
      hosts: [aws.ipv4],
      machine: { ...aws.machine, userData: GOOD },
    });
    for (const place of [near, far]) {
      place.firmware(aws.firmware);
      place.node.lease();
    }
    await using fromHost = near.agent('join');
    expect([await fromHost.exit, fromHost.errors]).toEqual([0, '']);
    await using fromPod = far.agent('watch');
    expect((await fromPod.expect('imds.try', 30))['why']).toMatch(/no (?:connection|answer)/);
    expect(far.node.read('etc/hostname')).toBeUndefined();
  });
});
