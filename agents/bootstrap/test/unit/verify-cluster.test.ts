import { readFileSync } from 'node:fs';
import path from 'node:path';

import { createLogger } from '@kios/agent';
import { beforeEach, describe, expect, it } from 'vitest';

import type { ClusterConfig, Trust } from '../../src/core/cluster/cluster-config.ts';
import type { ApiRequest, ApiServer } from '../../src/edge/cluster/api-server.ts';
import { verifyCluster } from '../../src/edge/cluster/verify-cluster.ts';
import { publicKeyPin } from '../../src/edge/node/certificates.ts';
import { clusterInfo, infoConfigMap, signInfo, SIGNING_TOKEN } from '../support/cluster-info.ts';

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

let calls: ApiRequest[] = [];
let lines: string[] = [];

/** Returns the answers in turn. */
function server(...answers: readonly (readonly [status: number, body: string])[]): ApiServer {
  return {
    get: async (wanted) => {
      const [status, body] = answers[calls.length] ?? [500, ''];
      calls.push(wanted);
      return Promise.resolve({ status, body });
    },
  };
}

const log = createLogger('bootstrap', {
  console: { send: () => {}, close: () => Promise.resolve() },
  stdout: { write: (line: string) => lines.push(line) },
});

beforeEach(() => {
  calls = [];
  lines = [];
});

const good = configMap(clusterInfo(CA));

it('discovery asks without verification, then with it, and sends the token only then', async () => {
  const ca = await verifyCluster(PINNED, server([200, good], [200, good], [200, '{}']), log);
  expect(ca).toEqual([CA]);
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
  expect(await verifyCluster(two, api, log)).toEqual([CA]);
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
    ['no kubeconfig', [[200, '{"data":{}}']], 'KIOS_BOOTSTRAP_UNTRUSTED', 1],
    ['no CA in it', [[200, none]], 'KIOS_BOOTSTRAP_UNTRUSTED', 1],
    ['a key in it', [[200, key]], 'KIOS_BOOTSTRAP_UNTRUSTED', 1],
    ['no cluster-info', [[404, '{}']], 'KIOS_BOOTSTRAP_UNREACHABLE', 1],
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
  expect(await verifyCluster(PINNED, api, log)).toEqual([OTHER, CA]);
  expect(calls[1]?.ca).toEqual([OTHER]);
});

it('skipping verification accepts the CA signed with the token and logs that as an error', async () => {
  const api = server([200, good], [200, good], [200, '{}']);
  expect(await verifyCluster(cluster({ skipVerification: true }), api, log)).toEqual([CA]);
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
