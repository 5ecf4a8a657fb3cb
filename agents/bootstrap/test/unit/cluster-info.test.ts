import { readFileSync } from 'node:fs';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { clusterOfInfo } from '../../src/core/cluster/kubeconfig.ts';
import { publicKeyPin } from '../../src/edge/node/certificates.ts';
import { clusterInfo, infoConfigMap } from '../support/cluster-info.ts';
import { INFO } from '../support/fake-cluster.ts';
import { CA_A, CLIENT } from '../support/fixtures.ts';
import { clusterDocument } from '../support/node-folder.ts';
import { WatchedNode } from '../support/watched-node.ts';

const vector = (name: string): string =>
  readFileSync(path.join(import.meta.dirname, '../vectors/cluster', name), 'utf8');

const cluster = (name: string | undefined, server: string): object => ({
  ...(name === undefined ? {} : { name }),
  cluster: { server, 'certificate-authority-data': server },
});
const context = (name: string, to: string): object => ({
  name,
  context: { cluster: to, user: '' },
});

describe('of the clusters of cluster-info', () => {
  it.each<[string, object, string]>([
    [
      'the unnamed one counts',
      { clusters: [cluster('old', 'b'), cluster('', 'a')], contexts: null },
      'a',
    ],
    [
      'the unnamed one counts before the current one',
      {
        clusters: [cluster('old', 'b'), cluster(undefined, 'a')],
        contexts: [context('c', 'old')],
        'current-context': 'c',
      },
      'a',
    ],
    [
      'the current one counts',
      {
        clusters: [cluster('x', 'b'), cluster('y', 'a'), cluster('z', 'c')],
        contexts: [context('c', 'x'), context('d', 'y')],
        'current-context': 'd',
      },
      'a',
    ],
    ['the only one counts, whatever its name', { clusters: [cluster('kubernetes', 'a')] }, 'a'],
  ])('%s', (_what, config, server) => {
    expect(clusterOfInfo(JSON.stringify(config))).toEqual({ server, ca: server });
  });

  it.each<[string, object | string]>([
    [
      'it names 2 clusters, and none of them is the current one',
      { clusters: [cluster('x', 'a'), cluster('y', 'b')], 'current-context': '' },
    ],
    [
      'it names 2 clusters, and none of them is the current one',
      {
        clusters: [cluster('x', 'a'), cluster('y', 'b')],
        contexts: [context('c', 'gone')],
        'current-context': 'c',
      },
    ],
    ['it names no cluster', { clusters: null }],
    ['it is not a kubeconfig', 'a: ['],
    ['it is not a kubeconfig', { clusters: 'x' }],
  ])('none counts: %s', (why, config) => {
    const text = typeof config === 'string' ? config : JSON.stringify(config);
    expect(clusterOfInfo(text)).toBe(why);
  });

  it('the unnamed one counts beside an old one, as a real cluster had them', () => {
    const found = clusterOfInfo(vector('two-clusters.yaml'));
    expect(found).toMatchObject({ server: 'https://192.0.2.10:6443' });
  });
});

describe('a node that was given the address of one control plane', () => {
  let watched: WatchedNode;
  const GIVEN = 'https://192.0.2.11:6443';
  const VIP = 'https://192.0.2.10:6443';
  const CONF = 'etc/kubernetes/kubelet.conf';
  const document = (labels = 'a1'): string =>
    clusterDocument(GIVEN, { pins: [publicKeyPin(CA_A)] }).replace('a1', labels);
  const bootstrapConf = (): string | undefined =>
    watched.node.read('etc/kubernetes/bootstrap-kubelet.conf');

  beforeEach(async () => {
    watched = await WatchedNode.make();
    const body = infoConfigMap(clusterInfo(CA_A, VIP));
    watched.cluster.answers[INFO] = { status: 200, body };
    watched.node.seed(document());
  });

  afterEach(async () => {
    await watched[Symbol.asyncDispose]();
  });

  it('joins by that of all, and does nothing more at a second run', async () => {
    expect((await watched.run()).outcome).toBe('pending');
    expect(bootstrapConf()).toContain(`server: ${VIP}`);
    expect(watched.saw('cluster.server')[0]).toMatchObject({ server: VIP, given: GIVEN });
    watched.forget();
    const again = await watched.run();
    expect(again.input?.cluster?.endpoint).toBe(VIP);
    expect(watched.cluster.asked).toEqual([]);
    expect(watched.node.sent).toEqual([]);
    expect(watched.saw('file.written')).toEqual([]);
  });

  it('asks at the given address again when its document changes before it has joined', async () => {
    await watched.run();
    const body = infoConfigMap(clusterInfo(CA_A, GIVEN));
    watched.cluster.answers[INFO] = { status: 200, body };
    watched.node.seed(document('b2'));
    await watched.run();
    expect(bootstrapConf()).toContain(`server: ${GIVEN}`);
  });

  async function joinByVip(): Promise<void> {
    await watched.run();
    watched.node.kubeletJoins(CLIENT);
    const conf = watched.node.read(CONF) ?? '';
    watched.node.write(CONF, conf.replace('https://127.0.0.1:6443', VIP));
    watched.forget();
  }

  it('is looked for there alone once it has joined, also after a changed label', async () => {
    await joinByVip();
    watched.node.seed(document('b2'));
    const joined = await watched.run();
    expect(joined.outcome).toBe('joined');
    expect(joined.input?.cluster?.endpoint).toBe(VIP);
    expect(new Set(watched.cluster.opened)).toEqual(new Set([VIP]));
    expect(watched.node.read('etc/kubernetes/node-labels')).toContain('b2');
  });

  it('is looked for at the given address when its document names the CA itself', async () => {
    await joinByVip();
    const conf = watched.node.read(CONF);
    watched.node.seed(clusterDocument(GIVEN, { ca: CA_A }));
    const joined = await watched.run();
    expect(joined.outcome).toBe('joined');
    expect(joined.input?.cluster?.endpoint).toBe(GIVEN);
    expect(watched.node.read(CONF)).toBe(conf);
  });
});
