import { readFileSync } from 'node:fs';
import path from 'node:path';

import { beforeEach, describe, expect, it } from 'vitest';

import type { ClusterConfig, Trust } from '../../src/core/cluster/cluster-config.ts';
import { BootstrapError } from '../../src/core/faults/errors.ts';
import type { ApiRequest, OpenApi } from '../../src/edge/cluster/api-server.ts';
import { verifyCluster } from '../../src/edge/cluster/verify-cluster.ts';
import { publicKeyPin } from '../../src/edge/node/certificates.ts';
import { clusterInfo, infoConfigMap, signInfo, SIGNING_TOKEN } from '../support/cluster-info.ts';
import { testLogger } from '../support/logger.ts';

const fixture = (name: string): string =>
  readFileSync(path.join(import.meta.dirname, '../support/fixtures', name), 'utf8');
const CA = fixture('ca-a.crt');
const OTHER = fixture('ca-b.crt');
const token = SIGNING_TOKEN;
const sign = signInfo;
const configMap = infoConfigMap;

const cluster = (trust: Partial<Trust>): ClusterConfig => ({
  name: 'c',
  endpoint: 'https://h:6443',
  auth: { kind: 'token', token },
  trust: { bundle: [], pins: [], skipVerification: false, ...trust },
});
const PINNED = cluster({ pins: [publicKeyPin(CA)] });

let calls: (ApiRequest & { readonly endpoint: string })[] = [];
let lines: string[] = [];

type Answer = readonly [status: number, body: string] | Error;

/** Opens API servers that answer in turn. */
function server(...answers: readonly Answer[]): OpenApi {
  return (endpoint) => ({
    get: async (wanted) => {
      const answer = answers[calls.length] ?? [500, ''];
      calls.push({ ...wanted, endpoint });
      if (answer instanceof Error) throw answer;
      const [status, body] = answer;
      return Promise.resolve({ status, body });
    },
  });
}

const log = testLogger({ stdout: (line) => lines.push(line) });

beforeEach(() => {
  calls = [];
  lines = [];
});

const good = configMap(clusterInfo(CA));

it('discovery asks without verification, then with it, and sends the token only then', async () => {
  const open = server([200, good], [200, good], [200, '{}']);
  expect(await verifyCluster(PINNED, open, log)).toEqual({ ca: [CA], server: undefined });
  expect(calls.map((call) => [call.ca, call.token])).toEqual([
    [undefined, undefined],
    [[CA], undefined],
    [[CA], 'abcdef.0123456789abcdef'],
  ]);
  expect(lines.join('')).not.toContain(token.secret);
});

it('a second token authenticates the node, and the first one only vouches for the cluster', async () => {
  const other = { id: 'ghijkl', secret: '9876543210fedcba' };
  const two: ClusterConfig = { ...PINNED, auth: { kind: 'token', token: other, discovery: token } };
  const api = server([200, good], [200, good], [200, '{}']);
  expect((await verifyCluster(two, api, log)).ca).toEqual([CA]);
  expect(calls.map((call) => call.token)).toEqual([
    undefined,
    undefined,
    'ghijkl.9876543210fedcba',
  ]);
  expect(lines.join('')).not.toContain(token.secret);
  calls = [];
  const swapped: ClusterConfig = { ...two, auth: { kind: 'token', token, discovery: other } };
  await expect(verifyCluster(swapped, server([200, good]), log)).rejects.toMatchObject({
    code: 'KIOS_BOOTSTRAP_UNSIGNED',
  });
});

describe('discovery refuses', () => {
  const unsigned = JSON.stringify({ data: { kubeconfig: clusterInfo(CA) } });
  const both = configMap(clusterInfo(OTHER + CA));
  const none = configMap('clusters: []\n');
  const key = configMap(
    clusterInfo(`${CA}-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----\n`),
  );

  it.each([
    ['another CA', [[200, configMap(clusterInfo(OTHER))]], 'KIOS_BOOTSTRAP_UNTRUSTED', 1],
    [
      'a second answer that differs',
      [
        [200, good],
        [200, both],
      ],
      'KIOS_BOOTSTRAP_UNTRUSTED',
      2,
    ],
    [
      'a wrong signature',
      [[200, configMap(clusterInfo(CA), sign('x'))]],
      'KIOS_BOOTSTRAP_UNTRUSTED',
      1,
    ],
    ['no signature', [[200, unsigned]], 'KIOS_BOOTSTRAP_UNSIGNED', 1],
    ['no kubeconfig', [[200, '{"data":{}}']], 'KIOS_BOOTSTRAP_CLUSTER_INFO', 1],
    ['no cluster in it', [[200, none]], 'KIOS_BOOTSTRAP_CLUSTER_INFO', 1],
    ['a key in it', [[200, key]], 'KIOS_BOOTSTRAP_UNTRUSTED', 1],
    ['no cluster-info', [[404, '{}']], 'KIOS_BOOTSTRAP_CLUSTER_INFO', 1],
    ['a server that is starting', [[503, '{}']], 'KIOS_BOOTSTRAP_UNREACHABLE', 1],
    ['a captive portal', [[200, '<html>']], 'KIOS_BOOTSTRAP_UNREACHABLE', 1],
    ['an answer that is null', [[200, 'null']], 'KIOS_BOOTSTRAP_UNREACHABLE', 1],
    ['an answer that is a list', [[200, '[]']], 'KIOS_BOOTSTRAP_UNREACHABLE', 1],
    [
      'a kubeconfig that is no text',
      [[200, '{"data":{"kubeconfig":{"clusters":[]}}}']],
      'KIOS_BOOTSTRAP_UNREACHABLE',
      1,
    ],
    [
      'a rejected token',
      [
        [200, good],
        [200, good],
        [401, '{}'],
      ],
      'KIOS_BOOTSTRAP_TOKEN',
      3,
    ],
  ] as const)('%s', async (_name, answers, code, asked) => {
    await expect(verifyCluster(PINNED, server(...answers), log)).rejects.toMatchObject({ code });
    expect(calls).toHaveLength(asked);
  });
});

it('one pinned certificate of several suffices; another is taken if the API server uses it', async () => {
  const both = configMap(clusterInfo(OTHER + CA));
  const api = server([200, both], [200, '{}'], [200, both], [403, '{}']);
  expect((await verifyCluster(PINNED, api, log)).ca).toEqual([OTHER, CA]);
  expect(calls[1]?.ca).toEqual([OTHER]);
});

it('skipping verification accepts the CA signed with the token and logs that as an error', async () => {
  const api = server([200, good], [200, good], [200, '{}']);
  expect((await verifyCluster(cluster({ skipVerification: true }), api, log)).ca).toEqual([CA]);
  expect(lines.join('')).toContain('"lvl":"error"');
  const badly = server([200, configMap(clusterInfo(CA), sign('x'))]);
  calls = [];
  await expect(
    verifyCluster(cluster({ skipVerification: true }), badly, log),
  ).rejects.toMatchObject({ code: 'KIOS_BOOTSTRAP_UNTRUSTED' });
});

it('a bundle without a certificate is refused before the API server is asked', async () => {
  const bundle = ['-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n'];
  await expect(verifyCluster(cluster({ bundle }), server(), log)).rejects.toThrow(/caBundle/);
  expect(calls).toEqual([]);
});

/** Returns the error of a verification. */
async function faultOf(wanted: ClusterConfig, ...answers: readonly Answer[]): Promise<unknown> {
  return verifyCluster(wanted, server(...answers), log).catch((error: unknown) => error);
}

describe('the cause and what helps are told of', () => {
  const othersOnly = JSON.stringify({
    data: { kubeconfig: clusterInfo(CA), 'jws-kubeconfig-k1os02': 'x' },
  });

  it.each<[string, readonly Answer[], RegExp, RegExp]>([
    ['anonymous access that is off', [[401, '{}']], /no anonymous requests \(401\)/, /caBundle/],
    ['a missing right', [[403, '{}']], /may not read it \(403\)/, /phase bootstrap-token/],
    ['a missing ConfigMap', [[404, '{}']], /there is none \(404\)/, /phase bootstrap-token/],
    ['a server that is overloaded', [[429, '{}']], /answers 429/, /ready to serve/],
    [
      'a token that expired',
      [[200, othersOnly]],
      /token abcdef has expired, .*signed by k1os02$/,
      /expire after 24 hours/,
    ],
    [
      'the last token that expired',
      [[200, JSON.stringify({ data: { kubeconfig: clusterInfo(CA) } })]],
      /token abcdef has expired, .*no token signs/,
      /expire after 24 hours/,
    ],
    [
      'a token with a wrong secret',
      [[200, configMap(clusterInfo(CA), sign('x'))]],
      /secret of token abcdef/,
      /Copy the token whole/,
    ],
    [
      'a CA that is not pinned',
      [[200, configMap(clusterInfo(OTHER))]],
      /is not in caCertHashes/,
      /print-join-command/,
    ],
    [
      'a token that may only sign',
      [
        [200, good],
        [200, good],
        [401, '{}'],
      ],
      /not for authentication/,
      /usage `authentication`/,
    ],
  ])('%s', async (_what, answers, message, remedy) => {
    const fault = await faultOf(PINNED, ...answers);
    expect(fault).toMatchObject({
      message: expect.stringMatching(message) as unknown,
      remedy: expect.stringMatching(remedy) as unknown,
    });
    // A remedy about the network would send people the wrong way.
    expect(fault).not.toMatchObject({ remedy: expect.stringMatching(/network/) as unknown });
  });

  it('a kubeconfig that says itself when its user expired', async () => {
    const claims = Buffer.from('{"exp":1764000000}').toString('base64url');
    const user = { kind: 'user', user: { token: `x.${claims}.y` } } as const;
    const auth = { ...user, isBootstrap: false, rotates: false };
    const fault = await faultOf({ ...cluster({ bundle: [CA] }), auth }, [401, '{}']);
    expect(fault).toMatchObject({
      code: 'KIOS_BOOTSTRAP_TOKEN',
      message: expect.stringMatching(/expired at 2025-11-24T16:00:00.000Z$/) as unknown,
    });
  });
});

const named = (address: string): string => configMap(clusterInfo(CA, address));

describe('the API server that cluster-info names', () => {
  it('is the one for kubelet, if it accepts the token; the log has both', async () => {
    const info = named('https://vip.example');
    const open = server([200, info], [200, info], [200, '{}']);
    expect(await verifyCluster(PINNED, open, log)).toEqual({
      ca: [CA],
      server: 'https://vip.example:443',
    });
    expect(calls.map(({ endpoint, token }) => [endpoint, token])).toEqual([
      ['https://h:6443', undefined],
      ['https://h:6443', undefined],
      ['https://vip.example:443', 'abcdef.0123456789abcdef'],
    ]);
    const line = lines.find((text) => text.includes('cluster.server'));
    expect(line).toContain('"server":"https://vip.example:443","given":"https://h:6443"');
  });

  it.each([
    ['unreachable', 'KIOS_BOOTSTRAP_UNREACHABLE'],
    ['not verified by the CA', 'KIOS_BOOTSTRAP_UNTRUSTED'],
  ] as const)('and that is %s is told as such', async (_how, code) => {
    const info = named('https://vip:6443');
    const failed = new BootstrapError(code, 'reach https://vip:6443: no');
    expect(await faultOf(PINNED, [200, info], [200, info], failed)).toMatchObject({
      code: 'KIOS_BOOTSTRAP_CLUSTER_INFO',
      message: 'use https://vip:6443, which the cluster-info of https://h:6443 names',
      cause: failed,
      remedy: expect.stringMatching(/caBundle/) as unknown,
    });
  });

  it.each([
    ['the same with its default port', 'https://h:6443/', []],
    ['none', '""', ['it names none']],
    ['one of its own machine', 'https://127.0.0.1:6443', ['on each machine another']],
    ['one without TLS', 'http://vip:6443', ['must begin with https']],
    ['one with a path', 'https://rancher.example/k8s/clusters/c-1', ['must end after the port']],
    ['no address', '"vip:6443"', ['must begin with https']],
  ])('%s leaves that of the document', async (_what, address, why) => {
    const info = named(address);
    const open = server([200, info], [200, info], [200, '{}']);
    expect((await verifyCluster(PINNED, open, log)).server).toBeUndefined();
    expect(calls.at(-1)?.endpoint).toBe('https://h:6443');
    const told = lines.filter((text) => text.includes('cluster.server'));
    expect(told).toEqual(why.map((text) => expect.stringContaining(text) as unknown));
  });
});
