import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { requireRoot } from '@kios/testkit';
import { CONTROL_PLANE, ControlPlane, missing, NODE, pin } from '@kios/testkit/control-plane';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { NodeObject } from '../../src/core/cluster/api-objects.ts';
import { clusterDocument, TOKEN } from '../support/node-folder.ts';
import { Worker } from '../support/worker.ts';

const why = missing([...CONTROL_PLANE, ...NODE]);
if (why !== undefined) process.stderr.write(`skipped: ${why}\n`);

const CA = 'etc/kubernetes/pki/ca.crt';

/** Waits until a condition holds; the deadline only ends a test that hangs. */
async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  seconds = 120,
): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await delay(200);
  }
}

const seed = ({ node }: Worker, name: string, document: string): void => {
  node.seed(document, `instance-id: ${name}\nlocal-hostname: ${name}\n`);
  node.lease();
};

/** Returns the conditions of a Node as the API server has them, by type. */
async function conditionsOf(
  plane: ControlPlane,
  name: string,
): Promise<ReadonlyMap<string, { readonly status: string; readonly reason?: unknown }>> {
  const { status, body } = await plane.ask('GET', `/api/v1/nodes/${name}`);
  const node = status === 200 ? v.parse(NodeObject, JSON.parse(body)) : undefined;
  return new Map((node?.status?.conditions ?? []).map((item) => [item.type, item]));
}

/** Returns when kubelet last renewed its lease. */
async function lastSeen(plane: ControlPlane, name: string): Promise<string> {
  const where = `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${name}`;
  const { body } = await plane.ask('GET', where).catch(() => ({ body: '' }));
  return /"renewTime":\s*"([^"]*)"/.exec(body)?.[1] ?? '';
}

/** Waits until kubelet has reached the API server again. */
async function isInTouch(plane: ControlPlane, name: string): Promise<void> {
  const seen = await lastSeen(plane, name);
  await until('kubelet renews its lease', async () => (await lastSeen(plane, name)) > seen);
}

async function startPlane(): Promise<ControlPlane> {
  const plane = await ControlPlane.start();
  await plane.publishClusterInfo();
  await plane.letNodesJoin();
  await plane.createToken(TOKEN);
  return plane;
}

describe.skipIf(why !== undefined)('the identity of a real node', { timeout: 400_000 }, () => {
  let plane: ControlPlane;

  beforeEach(requireRoot);

  beforeEach(async () => {
    plane = await startPlane();
  }, 90_000);

  afterEach(async () => {
    await plane[Symbol.asyncDispose]();
  });

  it('keeps its CA whatever cluster-info says, and follows a rotation over both CAs', async () => {
    await using worker = await Worker.start();
    const first = plane.ca;
    seed(worker, 'pinned', clusterDocument(plane.endpoint, { pins: [pin(first)] }));
    await using agent = worker.agent('--node-check=3');
    await agent.expect('node.ready', 120);
    const ca = (): string | undefined => worker.node.read(CA);

    for (const hostile of [first + plane.otherCa, plane.otherCa]) {
      await plane.publishClusterInfo(hostile);
      await delay(10_000);
      expect(ca()).toBe(first);
    }
    expect(agent.lines).toContainEqual(
      expect.objectContaining({ ev: 'ca.unproven', code: 'KIOS_BOOTSTRAP_CA', lvl: 'warn' }),
    );
    expect(worker.starts).toEqual(['standalone', 'cluster']);

    plane.announceCa();
    await plane.publishClusterInfo();
    await until(
      'the announcement is remembered',
      () => (worker.node.read('var/lib/kios/bootstrap/announced-ca.crt') ?? '') === plane.newCa,
    );
    expect(ca()).toBe(first);
    await plane.rotateCa();
    await agent.expect('ca.changed', 60);
    expect(ca()).toBe(plane.ca);
    await isInTouch(plane, 'pinned');
    await plane.publishClusterInfo(plane.newCa);
    await until('the old CA is gone', () => ca() === plane.newCa);
    await isInTouch(plane, 'pinned');
    expect(agent.count('identity.dropped')).toBe(0);
    expect(worker.starts).toEqual(['standalone', 'cluster', 'cluster', 'cluster']);
  });

  it('stays in its cluster until another one has answered, and then takes nothing of it along', async () => {
    await using worker = await Worker.start();
    await using other = await startPlane();
    seed(worker, 'mover', clusterDocument(plane.endpoint, { ca: plane.ca }));
    await using agent = worker.agent('--node-check=3');
    await agent.expect('node.ready', 120);
    const conf = worker.node.read('etc/kubernetes/kubelet.conf');
    const pem = 'var/lib/kubelet/pki/kubelet-client-current.pem';
    const certificate = worker.node.read(pem);

    await other.stopServer();
    seed(worker, 'mover', clusterDocument(other.endpoint, { ca: other.ca }));
    const line = await agent.expect('cluster.unproven', 60);
    expect(line).toMatchObject({ lvl: 'error', err: { code: 'KIOS_BOOTSTRAP_MOVE' } });
    await isInTouch(plane, 'mover');
    expect(worker.node.read(CA)).toBe(plane.ca);
    expect(worker.node.read('etc/kubernetes/kubelet.conf')).toBe(conf);
    expect(worker.node.read(pem)).toBe(certificate);
    expect(worker.starts).toEqual(['standalone', 'cluster']);

    await other.startServer();
    await agent.expect('identity.dropped', 120);
    await until('two reports', () => agent.count('node.ready') === 2);
    await isInTouch(other, 'mover');
    expect(worker.node.read(CA)).toBe(other.ca);
    const left = readdirSync(worker.node.settings.kubeletPki).filter((name) =>
      name.startsWith('kubelet-client'),
    );
    expect(left).toHaveLength(2);
    expect(left).toContain('kubelet-client-current.pem');
    expect(worker.node.read('etc/kubernetes/kubelet.conf.old')).toBeUndefined();
  });

  it('says on its Node where its state is and whether its clock is synced, beside the conditions of kubelet', async () => {
    await using worker = await Worker.start();
    worker.node.data = { data: 'ram', dataReason: 'none' };
    worker.node.seed(clusterDocument(plane.endpoint, { ca: plane.ca }), 'instance-id: i-1\n');
    worker.node.lease();
    const name = worker.node.derivedName;
    await using agent = worker.agent('--node-check=3');
    await agent.expect('node.ready', 120);
    const conditions = async () => conditionsOf(plane, name);
    const state = async () => (await conditions()).get('StateInMemory');
    const clock = async () => (await conditions()).get('ClockSynchronized');
    await until('the conditions', async () => (await state()) !== undefined);
    expect(await state()).toMatchObject({ status: 'True', reason: 'NoDataPartition' });
    expect(await clock()).toMatchObject({ status: 'Unknown', reason: 'NoReport' });
    // Nobody named the node, so its name is init's, and not written.
    expect(worker.node.read('etc/hostname')).toBeUndefined();

    const before = (await conditions()).get('Ready');
    await worker.restartKubelet();
    await until('kubelet has written its own', async () => {
      const now = (await conditions()).get('Ready');
      return JSON.stringify(now) !== JSON.stringify(before);
    });
    expect(await state()).toMatchObject({ status: 'True' });
    expect(await clock()).toMatchObject({ status: 'Unknown' });
    expect((await conditions()).get('Ready')).toMatchObject({ status: 'True' });
    await delay(10_000);
    for (const type of ['StateInMemory', 'ClockSynchronized'])
      expect(
        agent.lines.filter((line) => line.ev === 'condition.set' && line['type'] === type),
      ).toHaveLength(1);

    const time = { v: 1, sane: true, synced: true, source: '192.0.2.1', stratum: 2, since: '' };
    worker.node.write('run/kios/time/state.json', JSON.stringify(time));
    await until('the clock that follows a source', async () => (await clock())?.status === 'True');
    expect(await clock()).toMatchObject({ message: 'The clock follows 192.0.2.1.' });

    worker.node.data = { data: 'partition' };
    worker.node.startKubelet('cluster');
    await until('the other value', async () => (await state())?.status === 'False');
    expect(await state()).toMatchObject({ reason: 'OnDataPartition' });

    await plane.call('DELETE', `/api/v1/nodes/${name}`);
    await until('the condition of the node made anew', async () => (await state()) !== undefined);
  });
});
