import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { makeCa, makeLeaf } from '@kios/testkit/control-plane';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { Cluster } from '../../src/edge/cluster/cluster.ts';
import { pod } from '../support/small-fleet.ts';

interface Asked {
  readonly method: string | undefined;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly accept: string | undefined;
  readonly type: string | undefined;
  readonly body: string;
}

let folder: string;
let server: Server;
let asked: Asked[];
let answers: { readonly status: number; readonly body: unknown }[];

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'kios-lifecycle-'));
  makeCa(folder, 'ca');
  makeCa(folder, 'other');
  const san = 'IP:127.0.0.1';
  makeLeaf(folder, 'api', 'ca', { subject: '/CN=api', usage: 'serverAuth', san });
  writeFileSync(path.join(folder, 'token'), 'the-token\n');
  const file = (name: string): string => readFileSync(path.join(folder, name), 'utf8');
  server = createServer({ cert: file('api.crt'), key: file('api.key') }, (request, response) => {
    const { method, url = '', headers } = request;
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const { authorization, accept, 'content-type': type } = headers;
      asked.push({ method, url, authorization, accept, type, body });
      const { status, body: reply } = answers.shift() ?? { status: 500, body: 'no answer left' };
      response.writeHead(status).end(typeof reply === 'string' ? reply : JSON.stringify(reply));
    });
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
});

afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  asked = [];
  answers = [];
});

const isBound = (address: string | AddressInfo | null): address is AddressInfo =>
  typeof address === 'object' && address !== null;

function cluster(): Cluster {
  const address = server.address();
  if (!isBound(address)) throw new Error('no port');
  const settings = {
    node: 'a',
    server: `https://127.0.0.1:${address.port}`,
    defaults: { maxUnavailable: 1, waitSeconds: 1, drainSeconds: 1 },
    idleMs: 1,
    busyMs: 1,
    account: folder,
    platform: folder,
    resolvConf: '/none',
    bootId: '/none',
    socket: '/none',
  };
  return new Cluster(settings, new AbortController().signal);
}

it('reads annotations as its account, without the rest of the Node and from memory', async () => {
  answers.push({ status: 200, body: { metadata: { name: 'a', annotations: { k: 'v' } } } });
  expect(await cluster().annotations()).toEqual({ k: 'v' });
  expect(asked).toEqual([
    expect.objectContaining({
      method: 'GET',
      url: '/api/v1/nodes/a?resourceVersion=0',
      authorization: 'Bearer the-token',
      accept: expect.stringContaining('PartialObjectMetadata') as unknown,
    }),
  ]);
});

const item = (name: string) => ({ metadata: { name } });

it('reads lists page by page', async () => {
  answers.push({ status: 200, body: { items: [item('a')], metadata: { continue: 'x/y' } } });
  answers.push({ status: 200, body: { items: [item('b')], metadata: {} } });
  expect((await cluster().peers()).map(({ name }) => name)).toEqual(['a', 'b']);
  expect(asked.map(({ url }) => url)).toEqual([
    '/api/v1/nodes?limit=50',
    '/api/v1/nodes?limit=50&continue=x%2Fy',
  ]);
});

it('reads the holders of the Lease one by one, without those that are gone', async () => {
  answers.push({ status: 200, body: item('b') }, { status: 404, body: {} });
  expect((await cluster().nodes(['b', 'c'])).map(({ name }) => name)).toEqual(['b']);
  expect(asked.map(({ url }) => url)).toEqual(['/api/v1/nodes/b', '/api/v1/nodes/c']);
  answers.push({ status: 500, body: {} });
  await expect(cluster().nodes(['b'])).rejects.toMatchObject({ code: 'KIOS_LIFECYCLE_API' });
});

it('asks for the pods of its own node only', async () => {
  answers.push({ status: 200, body: { items: null } });
  expect(await cluster().pods()).toEqual([]);
  expect(asked[0]?.url).toBe('/api/v1/pods?fieldSelector=spec.nodeName%3Da&limit=50');
});

it('writes merge patches, and says when somebody was quicker', async () => {
  answers.push({ status: 200, body: {} }, { status: 409, body: {} });
  const patch = { resourceVersion: '7', annotations: { k: null } };
  expect(await cluster().write(patch)).toBe(true);
  expect(await cluster().swap({ resourceVersion: '5', holders: ['a'] })).toBe(false);
  expect(asked[0]).toMatchObject({
    method: 'PATCH',
    url: '/api/v1/nodes/a',
    type: 'application/merge-patch+json',
    body: '{"metadata":{"resourceVersion":"7","annotations":{"k":null}}}',
  });
  expect(asked[1]).toMatchObject({
    url: '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kios-lifecycle',
    body: '{"metadata":{"resourceVersion":"5"},"spec":{"holderIdentity":"a"}}',
  });
});

it.each([
  [201, {}, 'going'],
  [404, {}, 'going'],
  [409, {}, 'going'],
  [429, { message: 'Cannot evict pod' }, 'refused'],
  [500, { message: 'more than one PodDisruptionBudget' }, 'refused'],
  [403, { details: { causes: [{ reason: 'NamespaceTerminating' }] } }, 'refused'],
])('an eviction that is answered with %i', async (status, body, outcome) => {
  answers.push({ status, body });
  expect(await cluster().evict(pod('x'))).toBe(outcome);
  expect(asked[0]?.url).toBe('/api/v1/namespaces/default/pods/x/eviction');
  expect(JSON.parse(asked[0]?.body ?? '')).toMatchObject({
    kind: 'Eviction',
    deleteOptions: { preconditions: { uid: 'uid-x' } },
  });
});

it('an eviction that something else denies', async () => {
  answers.push({ status: 403, body: { message: 'admission webhook "w" denied the request' } });
  expect(await cluster().evict(pod('x'))).toMatchObject({
    code: 'KIOS_LIFECYCLE_EVICT',
    message: expect.stringMatching(
      /evict default\/x: .*403: admission webhook "w" denied/,
    ) as unknown,
  });
});

it.each([
  [403, { message: 'leases is forbidden' }, 'KIOS_LIFECYCLE_SETUP', /403: leases is forbidden/],
  [404, 'nothing', 'KIOS_LIFECYCLE_SETUP', /404: nothing/],
  [500, {}, 'KIOS_LIFECYCLE_API', /500/],
  [200, 'no JSON', 'KIOS_LIFECYCLE_API', /unreadable/],
  [200, { metadata: {} }, 'KIOS_LIFECYCLE_API', /unreadable/],
])('a Lease that is answered with %i %j', async (status, body, code, message) => {
  answers.push({ status, body });
  const failed = cluster().lease();
  await expect(failed).rejects.toMatchObject({ code });
  await expect(failed).rejects.toThrow(message);
});

it('does not talk to a server of another authority', async () => {
  const ca = path.join(folder, 'ca.crt');
  const right = readFileSync(ca);
  writeFileSync(ca, readFileSync(path.join(folder, 'other.crt')));
  try {
    await expect(cluster().node()).rejects.toMatchObject({ code: 'KIOS_LIFECYCLE_UNTRUSTED' });
    expect(asked).toEqual([]);
  } finally {
    writeFileSync(ca, right);
  }
});
