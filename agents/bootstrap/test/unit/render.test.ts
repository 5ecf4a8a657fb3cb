import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { identityName, sameCluster } from '../../src/core/cluster/identity.ts';
import type { NodeBootstrap } from '../../src/core/document/schema.ts';
import type { OutputFile } from '../../src/core/files/output-file.ts';
import { planFiles } from '../../src/core/files/plan.ts';
import { renderFiles, type RenderInput } from '../../src/core/files/render.ts';
import { decideRestart, restartPause } from '../../src/core/files/restart.ts';
import { hashInput, type JoinState } from '../../src/core/files/state.ts';

const document: NodeBootstrap = {
  apiVersion: 'kios.dev/v1',
  kind: 'NodeBootstrap',
  node: {
    labels: { b: '2', a: '1' },
    taints: [{ key: 'k', effect: 'NoSchedule' }],
    maxPods: 50,
  },
  kubelet: {
    config: { maxPods: 60, authorization: { webhook: { cacheAuthorizedTTL: '1m' } } },
  },
};
const cluster = {
  name: 'c',
  endpoint: 'https://h:6443',
  trust: { bundle: [], pins: [], skipVerification: false },
  auth: { kind: 'token' as const, token: { id: 'abcdef', secret: '0123456789abcdef' } },
  ca: ['CA\n'],
};
const input: RenderInput = {
  document,
  cluster,
  hostname: 'n1',
  nodeIp: '10.0.0.1',
  hasIdentity: false,
  platformId: undefined,
};

const read = (path: string, content: string | undefined): unknown =>
  content !== undefined && path.endsWith('.conf') ? parse(content) : content;

const contents = (files: readonly OutputFile[]): Record<string, unknown> =>
  Object.fromEntries(files.map(({ path, content }) => [path, read(path, content)]));

describe('the files of a joining node', () => {
  const head = { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration' };

  it('are these', () => {
    expect(contents(renderFiles(input))).toEqual({
      hostname: 'n1\n',
      'kubernetes/pki/ca.crt': 'CA\n',
      'kubernetes/node-labels': 'a: 1\nb: 2\n',
      'kubernetes/node-ip': '10.0.0.1\n',
      'kubernetes/kubelet.conf.d/10-kios.conf': {
        ...head,
        maxPods: 50,
        registerWithTaints: [{ key: 'k', effect: 'NoSchedule' }],
      },
      'kubernetes/kubelet.conf.d/50-user.conf': { ...head, maxPods: 60 },
      'kubernetes/bootstrap-kubelet.conf': {
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [
          {
            name: 'default',
            cluster: {
              server: 'https://h:6443',
              'certificate-authority': '/etc/kubernetes/pki/ca.crt',
            },
          },
        ],
        users: [{ name: 'default', user: { token: 'abcdef.0123456789abcdef' } }],
        contexts: [{ name: 'default', context: { cluster: 'default', user: 'default' } }],
        'current-context': 'default',
      },
      'kubernetes/kubelet.conf.d/20-cluster.conf': {
        ...head,
        enableServer: true,
        authentication: {
          anonymous: { enabled: false },
          webhook: { enabled: true },
          x509: { clientCAFile: '/etc/kubernetes/pki/ca.crt' },
        },
        authorization: { mode: 'Webhook', webhook: { cacheAuthorizedTTL: '1m' } },
      },
    });
  });

  it('are read alike by kubelet, which takes some words for a truth that others take for words', () => {
    const words = ['yes', 'y', 'on', 'no', '0755', '1:30', 'true', '1e3', 'null'];
    const taints = words.map((value) => ({ key: 'k', value, effect: 'NoSchedule' as const }));
    const files = renderFiles({ ...input, document: { ...document, node: { taints } } });
    const { content = '' } = files.find(({ path }) => path.endsWith('10-kios.conf')) ?? {};
    for (const version of ['1.1', '1.2'] as const)
      expect(parse(content, { version })).toEqual({ ...head, registerWithTaints: taints });
  });

  it('the file that stops a standalone kubelet follows the kubeconfig', () => {
    const paths = renderFiles(input).map(({ path }) => path);
    const kubeconfig = paths.indexOf('kubernetes/bootstrap-kubelet.conf');
    expect(paths.slice(kubeconfig + 1)).toEqual(['kubernetes/kubelet.conf.d/20-cluster.conf']);
    expect(paths[0]).toBe('kubernetes/pki/ca.crt');
  });

  it('only files with a secret are unreadable to others', () => {
    const closed = renderFiles(input).filter(
      ({ mode, content }) => mode !== 0o644 && content !== undefined,
    );
    expect(closed).toMatchObject([{ path: 'kubernetes/bootstrap-kubelet.conf', mode: 0o600 }]);
  });

  it('a standalone document writes no file that needs an API server', () => {
    const files = contents(renderFiles({ ...input, cluster: undefined }));
    expect(files['kubernetes/kubelet.conf.d/20-cluster.conf']).toBeUndefined();
    expect(files['kubernetes/bootstrap-kubelet.conf']).toBeUndefined();
    expect(files['kubernetes/pki/ca.crt']).toBeUndefined();
    expect(files['hostname']).toBe('n1\n');
  });

  it('a joined node whose document lost its cluster keeps its files of the cluster', () => {
    const files = planFiles({
      document,
      cluster: undefined,
      ca: [],
      hostname: 'n1',
      addresses: [],
      isSettling: false,
      nodeIpBefore: '10.0.0.9',
      hasIdentity: true,
      hasKubeletConf: true,
      platformId: undefined,
      userFilesBefore: [],
    });
    const paths = files.map(({ path }) => path);
    expect(paths).not.toContain('kubernetes/kubelet.conf.d/20-cluster.conf');
    expect(paths).not.toContain('kubernetes/pki/ca.crt');
    expect(contents(files)['kubernetes/node-ip']).toBe('10.0.0.9\n');
  });
});

describe('a restart', () => {
  const state: JoinState = {
    v: 1,
    instanceId: 'i',
    inputHash: 'x',
    outputHash: 'y',
    phase: 'written',
    bootId: 'b1',
    up: 100,
    when: '',
    restarts: [],
    dropIdentity: false,
    userFiles: [],
  };
  const older = { startedBoot: 50 };
  const newer = { startedBoot: 101 };

  it.each([
    ['files changed', { changed: true, state: undefined, kubelet: newer, bootId: 'b1' }, true],
    [
      'cut off',
      {
        changed: false,
        state: { ...state, phase: 'writing' as const },
        kubelet: newer,
        bootId: 'b1',
      },
      true,
    ],
    [
      'cut off, then rebooted',
      {
        changed: false,
        state: { ...state, phase: 'writing' as const },
        kubelet: newer,
        bootId: 'b2',
      },
      false,
    ],
    ['not requested yet', { changed: false, state, kubelet: older, bootId: 'b1' }, true],
    [
      'not requested, kubelet unknown',
      { changed: false, state, kubelet: undefined, bootId: 'b1' },
      true,
    ],
    ['kubelet restarted by itself', { changed: false, state, kubelet: newer, bootId: 'b1' }, false],
    [
      'already requested',
      {
        changed: false,
        state: { ...state, phase: 'restarted' as const },
        kubelet: older,
        bootId: 'b1',
      },
      false,
    ],
    ['the next boot', { changed: false, state, kubelet: older, bootId: 'b2' }, false],
    ['never configured', { changed: false, state: undefined, kubelet: older, bootId: 'b1' }, false],
  ])('%s', (_name, facts, send) => {
    expect(decideRestart(facts).send).toBe(send);
  });

  it('is allowed three times in ten minutes', () => {
    expect(restartPause([], 1000)).toBe(0);
    expect(restartPause([900, 950], 1000)).toBe(0);
    expect(restartPause([800, 900, 950], 1000)).toBe(400);
    expect(restartPause([100, 200, 300, 950], 1000)).toBe(0);
  });
});

describe('identity', () => {
  it("is a node's certificate that has not expired", () => {
    const certificate = { commonName: 'system:node:n1', notAfter: 1000 };
    expect(identityName(certificate, 999)).toBe('n1');
    expect(identityName(certificate, 1000)).toBeUndefined();
    expect(identityName({ ...certificate, commonName: 'admin' }, 0)).toBeUndefined();
    expect(identityName(undefined, 0)).toBeUndefined();
  });

  it('one certificate in common makes it the same cluster', () => {
    expect(sameCluster(['a', 'b'], ['b', 'c'])).toBe(true);
    expect(sameCluster(['a'], ['b'])).toBe(false);
    expect(sameCluster([], ['b'])).toBe(true);
  });

  it('another token is the same input; another endpoint is not', async () => {
    const one = { ...document, auth: { bootstrapToken: 'aaaaaa.0000000000000000' } };
    const two = { ...document, auth: { bootstrapToken: 'bbbbbb.0000000000000000' } };
    expect(await hashInput(one, 'i')).toBe(await hashInput(two, 'i'));
    expect(await hashInput(one, 'i')).not.toBe(await hashInput(one, 'j'));
    const moved = { ...one, cluster: { endpoint: 'https://x' } };
    expect(await hashInput(one, 'i')).not.toBe(await hashInput(moved, 'i'));
  });
});
