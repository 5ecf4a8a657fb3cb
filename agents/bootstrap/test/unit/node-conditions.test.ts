import type { HostState, TimeState } from '@kios/node-state';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { type Condition, NodeObject } from '../../src/core/cluster/api-objects.ts';
import {
  clockCondition,
  planConditions,
  stateCondition,
} from '../../src/core/cluster/node-conditions.ts';
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
  planConditions(
    { status: { conditions: [...conditions] } },
    [stateCondition(state)],
    NOW,
    Date.parse(BOOT),
  )[0];

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

const time = (state: Partial<TimeState>): TimeState => ({
  v: 1,
  sane: true,
  synced: false,
  since: '',
  epoch: 0,
  ...state,
});

describe('a node whose clock', () => {
  it.each([
    [
      'follows a source',
      time({ synced: true, source: '192.0.2.1' }),
      'True',
      'FollowsTimeSource',
      'The clock follows 192.0.2.1.',
    ],
    [
      'is synced by others',
      time({ synced: true }),
      'True',
      'FollowsTimeSource',
      'The clock follows a time source.',
    ],
    ['follows none', time({}), 'False', 'NoTimeSource', 'No time source disciplines the clock.'],
    [
      'is wrong',
      time({ sane: false, synced: true }),
      'False',
      'ClockWrong',
      /before the build .* or decades after/,
    ],
    [
      'nobody reports',
      undefined,
      'Unknown',
      'NoReport',
      'No agent reports the state of the clock.',
    ],
  ])('%s says so', (_, state, status, reason, message) => {
    const condition = clockCondition(state);
    expect(condition).toMatchObject({ type: 'ClockSynchronized', status, reason });
    expect(condition.message).toMatch(message);
  });

  it('is not told again for an offset that drifts, but for another source', () => {
    const first = clockCondition(time({ synced: true, source: 'a', offset: 1, maxError: 0.1 }));
    const again = clockCondition(time({ synced: true, source: 'a', offset: 2, maxError: 0.2 }));
    const found = { ...first, lastHeartbeatTime: BOOT };
    const planned = (wanted: typeof first) =>
      planConditions({ status: { conditions: [found] } }, [wanted], NOW, Date.parse(BOOT));
    expect(planned(again)).toEqual([]);
    const [other] = planned(clockCondition(time({ synced: true, source: 'b' })));
    expect(other).toMatchObject({ status: 'True', lastHeartbeatTime: NOW });
    expect(other).not.toHaveProperty('lastTransitionTime');
    const [lost] = planned(clockCondition(time({})));
    expect(lost).toMatchObject({ status: 'False', lastTransitionTime: NOW });
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

  it('sets the conditions as its kubelet, once', async () => {
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
      /^\{"status":\{"conditions":\[\{.*"reason":"NoDataPartition".*"reason":"NoReport".*\}\]\}\}$/,
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

  it('of an init that does not say where its state is has only that of its clock', async () => {
    await watched.join(DOCUMENT);
    watched.node.remove('run/kios/host');
    await watched.start();
    await watched.looks();
    expect(patches().length).toBeGreaterThan(0);
    for (const patch of patches()) expect(patch).not.toContain('StateInMemory');
  });

  it('says when its clock follows a source, and when no longer', async () => {
    await watched.join(DOCUMENT);
    await watched.start();
    const publish = (synced: boolean): void =>
      watched.node.write(
        'run/kios/time/state.json',
        JSON.stringify({ v: 1, sane: true, synced, source: '192.0.2.1', since: '' }),
      );
    publish(true);
    await watched.until(() => expect(patches().at(-1)).toContain('The clock follows 192.0.2.1.'));
    keepCondition();
    publish(false);
    await watched.until(() => expect(patches().at(-1)).toContain('NoTimeSource'));
    expect(patches().at(-1)).toContain('lastTransitionTime');
  });
});
