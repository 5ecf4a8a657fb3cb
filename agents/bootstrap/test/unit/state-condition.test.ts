import type { HostState } from '@kios/node-state';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { type Condition, NodeObject } from '../../src/core/cluster/api-objects.ts';
import { planCondition } from '../../src/core/cluster/state-condition.ts';
import { NODE, nodeWith, READY } from '../support/fake-cluster.ts';
import { CA_A, CA_B } from '../support/fixtures.ts';
import { clusterDocument } from '../support/node-folder.ts';
import { WatchedNode } from '../support/watched-node.ts';

const BOOT = '2026-11-26T10:00:00Z';
const BEFORE = '2026-11-26T09:59:59Z';
const NOW = '2026-11-26T10:01:00.000Z';

const host = (data: HostState['data'], dataReason?: HostState['dataReason']): HostState => ({
  v: 1,
  hostname: 'n',
  hostnameSource: 'machine',
  version: '0.1.0',
  buildTime: '2026-01-01T00:00:00Z',
  data,
  ...(dataReason === undefined ? {} : { dataReason }),
});

const plan = (state: HostState, ...conditions: readonly Condition[]) =>
  planCondition({ status: { conditions: [...conditions] } }, state, NOW, Date.parse(BOOT));

describe('a node whose state is', () => {
  it.each([
    [
      'on its data partition',
      host('partition'),
      'False',
      'OnDataPartition',
      /on its data partition/,
    ],
    ['in memory', host('ram', 'none'), 'True', 'NoDataPartition', /lost .* powered off/],
    [
      'in memory by a fault',
      host('ram', 'failed'),
      'True',
      'DataPartitionFailed',
      /cannot be used/,
    ],
  ])('%s says so', (_where, state, status, reason, message) => {
    const patch = plan(state);
    expect(patch).toMatchObject({ type: 'StateInMemory', status, reason });
    expect(patch?.message).toMatch(message);
    expect([patch?.lastHeartbeatTime, patch?.lastTransitionTime]).toEqual([NOW, NOW]);
    const found = { type: 'StateInMemory', status, reason, message: patch?.message ?? '' };
    const other = { type: 'NetworkUnavailable', status: 'False', lastHeartbeatTime: null };
    expect(plan(state, other, { ...found, lastHeartbeatTime: BOOT })).toBeUndefined();
    // Once a boot; the time of the transition stays.
    const again = plan(state, { ...found, lastHeartbeatTime: BEFORE });
    expect(again).toMatchObject({ status, lastHeartbeatTime: NOW });
    expect(again).not.toHaveProperty('lastTransitionTime');
  });

  it('elsewhere than before says when that changed', () => {
    const before = plan(host('partition'));
    expect(before).toBeDefined();
    const patch = plan(host('ram', 'failed'), {
      ...before,
      type: 'StateInMemory',
      status: 'False',
    });
    expect(patch?.lastTransitionTime).toEqual(NOW);
  });
});

describe('a member', () => {
  const STATUS = `${NODE}/status`;
  const DOCUMENT = clusterDocument('https://127.0.0.1:6443', { ca: CA_A });
  let watched: WatchedNode;

  beforeEach(async () => {
    watched = await WatchedNode.make();
  });

  afterEach(async () => {
    await watched[Symbol.asyncDispose]();
  });

  const patches = (): readonly string[] => watched.cluster.patches(STATUS);

  /** Makes the API server keep the condition that it was sent last. */
  function keepCondition(): void {
    const { status } = v.parse(NodeObject, JSON.parse(patches().at(-1) ?? '{}'));
    const ready = { type: 'Ready', status: 'True' };
    watched.cluster.answers[NODE] = nodeWith(ready, ...(status?.conditions ?? []));
  }

  it('sets the condition as its kubelet, once', async () => {
    watched.node.data = { data: 'ram', dataReason: 'none' };
    watched.node.startKubelet('standalone');
    await watched.join(DOCUMENT);
    await watched.start();
    await watched.sees('condition.set');
    keepCondition();
    const sent = watched.cluster.asked.find(({ patch }) => patch !== undefined);
    expect(sent?.client?.cert).toContain('BEGIN CERTIFICATE');
    expect(sent?.token).toBeUndefined();
    expect(sent?.patch).toMatch(
      /^\{"status":\{"conditions":\[\{.*"reason":"NoDataPartition".*\}\]\}\}$/,
    );
    const before = patches().length;
    await watched.looks();
    expect(patches()).toHaveLength(before);
    // Its Node was made anew.
    watched.cluster.answers[NODE] = READY;
    await watched.until(() => expect(patches().length).toBeGreaterThan(before));
  });

  it('that is refused asks again after a pause that grows, and is a member all the same', async () => {
    watched.cluster.answers[STATUS] = { status: 403, body: '{}' };
    await watched.join(DOCUMENT);
    await watched.start();
    await watched.looks(6);
    expect(patches()).toHaveLength(1);
    expect(watched.saw('condition.refused')).toHaveLength(1);
  });

  it('without its document, or with one that is at fault, keeps it too', async () => {
    await watched.join(DOCUMENT);
    await watched.stop();
    watched.node.remove('run/kios/seed/cidata');
    await watched.start();
    await watched.sees('condition.set');
    watched.node.seed(clusterDocument('https://127.0.0.1:7443', { ca: CA_B }));
    await watched.start({ nodeCheckSeconds: 0 });
    await watched.sees('cluster.untrusted');
    await watched.sees('condition.set');
    expect(patches().at(-1)).toContain('OnDataPartition');
  });

  it('of an init that does not say where its state is has none', async () => {
    await watched.join(DOCUMENT);
    watched.node.remove('run/kios/host');
    await watched.start();
    await watched.looks();
    expect(patches()).toEqual([]);
  });
});
