import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { formatTurn, formatUpdate, REQUESTS, TURN, UPDATE, type Update } from '@kios/node-turn';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import {
  orderPatch,
  requireOthersIdle,
  standingOf,
  type Wish,
} from '../../../src/fleet/updates.ts';
import { upgrade, type UpgradeOptions } from '../../../src/fleet/upgrade.ts';
import { silent } from '../../../src/workstation/progress.ts';

const IMAGE = 'registry.example/kios/os:0.2.0';
const DIGEST = 'f'.repeat(64);
const NAME = { key: 'metadata.name', operator: 'In' };

const update = (changes: Partial<Update> = {}): Update => ({
  v: 1,
  bootId: 'b',
  state: 'staged',
  version: '0.2.0',
  digest: DIGEST,
  trial: false,
  failed: [],
  order: 'o',
  ...changes,
});

const view = (says: Update | undefined, others: Readonly<Record<string, string>> = {}) => ({
  name: 'a',
  resourceVersion: '1',
  annotations: { ...(says === undefined ? {} : { [UPDATE]: formatUpdate(says) }), ...others },
  isCordoned: false,
  isReady: true,
  isSilent: false,
  bootId: 'b',
});

describe('how a node stands to an order', () => {
  it.each<[string, Update | undefined, string, string]>([
    ['that nobody has answered', undefined, 'open', 'its agent has not answered yet'],
    ['that is an older one', update({ order: 'n' }), 'open', 'its agent has not answered yet'],
    [
      'that is written',
      update({ state: 'staging' }),
      'open',
      'kiOS 0.2.0 is written to its medium',
    ],
    ['that is staged', update(), 'open', 'kiOS 0.2.0 is staged: waits for its turn'],
    ['that is tried', update({ state: 'trial' }), 'open', 'kiOS 0.2.0 runs on trial'],
    ['that is fulfilled', update({ state: 'current' }), 'done', 'runs kiOS 0.2.0'],
    ['that it came back from', update({ state: 'failed', message: 'w' }), 'failed', 'w'],
    ['that it refuses', update({ state: 'refused', code: 'C', message: 'w' }), 'failed', 'w [C]'],
    [
      'that it refuses for now',
      update({ state: 'refused', code: 'KIOS_UPDATE_TRIAL', message: 'w' }),
      'open',
      'w [KIOS_UPDATE_TRIAL]',
    ],
  ])('%s', (_, says, tag, words) =>
    expect(standingOf(view(says), 'o')).toEqual({ tag, says: words }),
  );

  it.each([
    ['has failed when nobody said how it ended', DIGEST, 'failed', 'nobody has said'],
    [
      'is open when nobody said how the system before ended',
      'a'.repeat(64),
      'open',
      'kiOS 0.2.0 is staged: waits for its turn',
    ],
  ])('%s', (_, digest, tag, says) => {
    const turn = formatTurn({
      v: 1,
      action: 'reboot',
      request: JSON.stringify({ update: digest }),
      phase: 'failed',
      since: '2026-11-28T10:00:00.000Z',
      cordoned: false,
      isUnjudged: true,
      message: 'nobody has said',
    });
    expect(standingOf(view(update(), { [TURN]: turn }), 'o')).toEqual({ tag, says });
  });

  it('says for what its turn waits', () => {
    const turn = formatTurn({
      v: 1,
      action: 'reboot',
      request: '',
      phase: 'waiting',
      since: '2026-11-28T10:00:00.000Z',
      cordoned: false,
      message: 'waits for b',
    });
    expect(standingOf(view(update(), { [TURN]: turn }), 'o').says).toBe(
      'kiOS 0.2.0 is staged: waits for b',
    );
  });
});

const specOf = (text: string) =>
  v.parse(
    v.object({ spec: v.object({ template: v.object({ spec: v.looseObject({}) }) }) }),
    JSON.parse(text),
  ).spec.template.spec;

describe('the patch of an order', () => {
  const wish: Wish = { image: 'x', container: 'run', chosenBy: 'nobody' };
  const order = { id: 'o', image: IMAGE, nodes: [], maxUnavailable: 2 };
  it('names the system, and leaves everything else of a person’s', () => {
    expect(JSON.parse(orderPatch(order, wish))).toEqual({
      spec: {
        template: {
          metadata: { annotations: { 'kios.dev/order': 'o' } },
          spec: {
            containers: [
              { name: 'run', env: [{ name: 'KIOS_UPDATE_MAX_UNAVAILABLE', value: '2' }] },
            ],
            volumes: [{ name: 'os', image: { reference: IMAGE } }],
          },
        },
      },
    });
  });

  it('is for some nodes, and later for all again', () => {
    const some = specOf(orderPatch({ ...order, nodes: ['a', 'b'] }, wish));
    expect(some['affinity']).toEqual({
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            { matchFields: [{ ...NAME, values: ['a'] }] },
            { matchFields: [{ ...NAME, values: ['b'] }] },
          ],
        },
      },
    });
    expect(specOf(orderPatch(order, { ...wish, chosenBy: 'order' }))['affinity']).toBeNull();
  });
});

describe('an order for some nodes', () => {
  const request = JSON.stringify({ update: DIGEST });
  const between = { ...view(undefined, { [REQUESTS.reboot]: request }), name: 'b' };

  it('waits for others that are in the middle of an update', () => {
    expect(() => requireOthersIdle(['a'], [between])).toThrow(
      /order for a alone: b is in the middle/,
    );
    const stopping = formatTurn({
      v: 1,
      action: 'reboot',
      request,
      phase: 'stopping',
      since: '2026-11-28T10:00:00.000Z',
      cordoned: true,
    });
    const trial = { ...view(undefined, { [TURN]: stopping }), name: 'b' };
    expect(() => requireOthersIdle(['a'], [trial])).toThrow(
      expect.objectContaining({ code: 'KIOS_TURN_BUSY' }),
    );
  });

  it('bears them where it names them, and reboots that people ask for', () => {
    const reboot = { ...between, annotations: { [REQUESTS.reboot]: 'now' } };
    for (const [named, other] of [
      ['b', between],
      ['a', reboot],
    ] as const)
      expect(() => requireOthersIdle([named], [other])).not.toThrow();
  });
});

/** Lists have one item in each answer. */
function partOf(url: string, items: readonly object[]): object {
  const from = Number(/continue=(\d+)/.exec(url)?.[1] ?? 0);
  const next = from + 1 < items.length ? { continue: String(from + 1) } : {};
  return { items: items.slice(from, from + 1), metadata: next };
}

describe('with an API server', () => {
  let folder: string;
  let server: Server;
  let kubeconfig: string;
  let nodes: Map<string, Update | undefined>;
  let missing: RegExp;
  let patches: { readonly type: string | undefined; readonly body: string }[];
  let printed: string[];
  /** What the agents do once they know of an order. */
  let onOrder: (id: string) => void;
  let onList: () => void;
  /** Nodes whose pod has ended, and not begun again. */
  let restarting: Set<string>;

  let template: { readonly metadata: object; readonly spec: object };
  const Order = v.object({
    spec: v.object({
      template: v.object({
        metadata: v.object({ annotations: v.object({ 'kios.dev/order': v.string() }) }),
      }),
    }),
  });

  function nodeOf(name: string): object {
    const says = nodes.get(name);
    const annotations = says === undefined ? {} : { [UPDATE]: formatUpdate(says) };
    return { metadata: { name, annotations } };
  }

  function answer(url: string): object | undefined {
    if (missing.test(url)) return undefined;
    if (url.includes('/leases/')) return {};
    if (url.includes('/daemonsets/'))
      return { spec: { template }, status: { desiredNumberScheduled: nodes.size } };
    if (url.includes('/pods?')) {
      onList();
      const items = [...nodes.keys()].filter((name) => !restarting.has(name));
      return partOf(
        url,
        items.map((nodeName) => ({ spec: { nodeName } })),
      );
    }
    if (url.startsWith('/api/v1/nodes?')) return partOf(url, [...nodes.keys()].map(nodeOf));
    const name = /^\/api\/v1\/nodes\/(\w+)$/.exec(url)?.[1] ?? '';
    if (!nodes.has(name)) return undefined;
    return nodeOf(name);
  }

  function take(type: string | undefined, body: string): void {
    patches.push({ type, body });
    const { annotations } = v.parse(Order, JSON.parse(body)).spec.template.metadata;
    onOrder(annotations['kios.dev/order']);
  }

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'kios-upgrade-'));
    nodes = new Map([
      ['a', undefined],
      ['b', undefined],
    ]);
    missing = /^$/;
    patches = [];
    printed = [];
    onOrder = () => {};
    onList = () => {};
    restarting = new Set();
    template = {
      metadata: {},
      spec: {
        containers: [{ name: 'run' }],
        volumes: [{ name: 'os', image: { reference: 'old' } }],
      },
    };
    server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        if (request.method === 'PATCH') take(request.headers['content-type'], body);
        const object = answer(request.url ?? '');
        response.writeHead(object === undefined ? 404 : 200).end(JSON.stringify(object ?? {}));
      });
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, '127.0.0.1', resolve);
    await promise;
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    kubeconfig = path.join(folder, 'kubeconfig');
    const cluster = {
      server: `http://127.0.0.1:${address.port}`,
      'insecure-skip-tls-verify': true,
    };
    const config = {
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user: {} }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    };
    await writeFile(kubeconfig, JSON.stringify(config));
  });

  afterEach(async () => {
    vi.useRealTimers();
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });

  async function run(changes: Partial<UpgradeOptions> = {}): Promise<void> {
    await using undo = new AsyncDisposableStack();
    const { signal } = new AbortController();
    const context = { progress: silent, signal, undo, print: (line: string) => printed.push(line) };
    await upgrade(context, {
      kubeconfig,
      image: IMAGE,
      nodes: [],
      maxUnavailable: 0,
      stallSeconds: 60,
      wait: true,
      json: false,
      ...changes,
    });
  }

  it('orders the system for all nodes, and ends when all run it', async () => {
    onOrder = (order) => {
      for (const name of nodes.keys()) nodes.set(name, update({ order, state: 'current' }));
    };
    await run({ json: true });
    expect(patches.map(({ type }) => type)).toEqual(['application/strategic-merge-patch+json']);
    expect(JSON.parse(printed[0] ?? '')).toEqual({
      image: IMAGE,
      nodes: ['a', 'b'].map((node) => ({ node, result: 'done', says: 'runs kiOS 0.2.0' })),
    });
  });

  it('does not end while a node lacks its pod', { timeout: 20_000 }, async () => {
    restarting.add('b');
    onOrder = (order) => {
      nodes.set('a', update({ order, state: 'current' }));
      nodes.set('b', update({ order, state: 'current' }));
    };
    let looks = 0;
    onList = () => {
      if (++looks === 2) restarting.clear();
    };
    await run();
    expect(printed).toHaveLength(2);
    expect(looks).toBeGreaterThan(1);
  });

  it('stops at the first node that came back, and says why', async () => {
    onOrder = (order) => {
      nodes.set('a', update({ order, state: 'failed', message: 'kubelet was never Ready' }));
      nodes.set('b', update({ order }));
    };
    const running = run();
    await expect(running).rejects.toMatchObject({ code: 'KIOS_UPGRADE_FAILED', exitCode: 69 });
    await expect(running).rejects.toThrow(/a: kubelet was never Ready; b: kiOS 0\.2\.0 is staged/);
    expect(printed).toHaveLength(2);
  });

  it('gives up when nothing happens to any node', { timeout: 20_000 }, async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onList = () => vi.setSystemTime(Date.now() + 100_000);
    const running = run();
    await expect(running).rejects.toMatchObject({ code: 'KIOS_UPGRADE_FAILED' });
    await expect(running).rejects.toThrow(/nothing has changed for 60 s: a: its agent has not/);
  });

  it('only orders with --no-wait, and says what was there before', async () => {
    await run({ wait: false, nodes: ['a'] });
    expect(printed).toEqual([`${IMAGE} is ordered; before it was old`]);
    await run({ wait: false, json: true });
    expect(JSON.parse(printed[1] ?? '')).toEqual({ image: IMAGE, nodes: [] });
  });

  it('does not take the place of an affinity that a person has given', async () => {
    const required = { nodeSelectorTerms: [{ matchExpressions: [] }] };
    Object.assign(template.spec, {
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } },
    });
    await expect(run({ nodes: ['a'] })).rejects.toMatchObject({ code: 'KIOS_UPGRADE_AGENT' });
    expect(patches).toEqual([]);
  });

  it.each([
    ['the agents that reboot', /leases/, 'KIOS_TURN_AGENT'],
    ['the agents that update', /daemonsets/, 'KIOS_UPGRADE_AGENT'],
    ['the node that is named', /nodes\/a/, 'KIOS_TURN_NODE'],
  ])('orders nothing without %s', async (_, absent, code) => {
    missing = absent;
    await expect(run({ nodes: ['a'] })).rejects.toMatchObject({ code });
    expect(patches).toEqual([]);
  });
});
