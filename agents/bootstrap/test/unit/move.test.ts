import { readdirSync, renameSync } from 'node:fs';
import path from 'node:path';

import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { NodeBootstrap } from '../../src/core/document/schema.ts';
import { publicKeyPin } from '../../src/edge/node/certificates.ts';
import { NODE, READY } from '../support/fake-cluster.ts';
import { CA_A, CA_B, CA_C, CLIENT } from '../support/fixtures.ts';
import { clusterDocument } from '../support/node-folder.ts';
import { WatchedNode } from '../support/watched-node.ts';

const DOCUMENT = clusterDocument('https://127.0.0.1:6443', { ca: CA_A });
const OTHER = clusterDocument('https://127.0.0.1:7443', { ca: CA_B });
const HEAD = 'apiVersion: kios.dev/v1\nkind: NodeBootstrap\n';
const PKI = 'var/lib/kubelet/pki';

let watched: WatchedNode;

beforeEach(async () => {
  watched = await WatchedNode.make();
  await watched.join(DOCUMENT);
  await watched.stop();
});

afterEach(async () => {
  await watched[Symbol.asyncDispose]();
});

const pki = (): readonly string[] => readdirSync(watched.node.settings.kubeletPki).toSorted();

/** The node's identity: its cluster's CA, its kubeconfig, its certificate and its name. */
const identity = (): readonly (string | undefined)[] => [
  watched.node.read('etc/kubernetes/pki/ca.crt'),
  watched.node.read('etc/kubernetes/kubelet.conf'),
  watched.node.read(`${PKI}/kubelet-client-current.pem`),
  watched.node.read('etc/hostname'),
  watched.node.read('etc/kubernetes/bootstrap-kubelet.conf'),
];

const isDown = (): void => void (watched.cluster.isDown = true);
const answers = (status: number) => (): void => {
  watched.cluster.ca = CA_B;
  watched.cluster.answers['/version'] = { status, body: '{}' };
};
const { auth: _secret, ...withoutAuth } = v.parse(NodeBootstrap, JSON.parse(OTHER));
const withKubeconfig = {
  ...withoutAuth,
  auth: { kubeconfig: JSON.stringify({ users: [{ user: { token: 'x' } }] }) },
};

describe('a document for another cluster leaves the identity of a member alone', () => {
  it.each([
    ['whose server is down', OTHER, isDown, 'KIOS_BOOTSTRAP_MOVE'],
    ['whose server is starting', OTHER, answers(503), 'KIOS_BOOTSTRAP_MOVE'],
    ['whose server is not there', OTHER, answers(404), 'KIOS_BOOTSTRAP_MOVE'],
    ['whose server has another CA', OTHER, () => {}, 'KIOS_BOOTSTRAP_UNTRUSTED'],
    ['that refuses the token', OTHER, answers(401), 'KIOS_BOOTSTRAP_TOKEN'],
    [
      'that refuses the user of its kubeconfig',
      JSON.stringify(withKubeconfig),
      answers(401),
      'KIOS_BOOTSTRAP_TOKEN',
    ],
    [
      'without credentials for it',
      JSON.stringify(withoutAuth),
      answers(200),
      'KIOS_BOOTSTRAP_FIELD',
    ],
    [
      'that is found by pins while its server is down',
      clusterDocument('https://127.0.0.1:7443', { pins: [publicKeyPin(CA_B)] }),
      isDown,
      'KIOS_BOOTSTRAP_UNREACHABLE',
    ],
  ])('%s', async (_which, document, prepare, code) => {
    prepare();
    const before = identity();
    watched.node.seed(document);
    await expect(watched.run()).rejects.toMatchObject({ code });
    expect(identity()).toEqual(before);
    expect(pki()).toEqual(['kubelet-client-1.pem', 'kubelet-client-current.pem']);
    expect(watched.saw('identity.dropped')).toEqual([]);
    expect(watched.node.sent).toEqual([]);
  });

  it.each([
    ['so does a copied disk', {}, 'instance-id: i-2\n'],
    ['so does --re-evaluate', { reEvaluate: true }, undefined],
  ])('%s while the server is down', async (_what, change, metaData) => {
    isDown();
    const before = identity();
    watched.node.seed(DOCUMENT, metaData);
    await expect(watched.run(change)).rejects.toMatchObject({ code: 'KIOS_BOOTSTRAP_MOVE' });
    expect(identity()).toEqual(before);
  });

  it('until that server is there; meanwhile the node is looked after', async () => {
    watched.node.seed(OTHER);
    await watched.start({ nodeCheckSeconds: 0 });
    await watched.sees('cluster.untrusted');
    await watched.until(() =>
      expect(watched.cluster.asked.map(({ path }) => path)).toContain(NODE),
    );
    expect(watched.saw('restart.sent')).toEqual([]);
    watched.cluster.ca = CA_B;
    watched.node.lease('10.0.2.99/24');
    await watched.sees('restart.sent');
    expect(watched.saw('identity.dropped')).toHaveLength(1);
    expect(watched.node.read('etc/kubernetes/pki/ca.crt')).toBe(CA_B);
  });
});

it('a move that was cut off is completed without another proof', async () => {
  watched.cluster.ca = CA_B;
  watched.node.seed(OTHER);
  expect((await watched.run()).outcome).toBe('pending');
  const file = 'var/lib/kios/bootstrap/state.json';
  const state = watched.node.read(file) ?? '';
  const cut = state.replace(/"phase":"\w+"/, '"phase":"writing"');
  watched.node.write(file, cut.replace('"dropIdentity":false', '"dropIdentity":true'));
  watched.node.write('etc/kubernetes/kubelet.conf', 'users: []\n');
  const pem = path.join(watched.node.settings.kubeletPki, 'kubelet-client-1.pem');
  renameSync(`${pem}.old`, pem);
  isDown();
  expect((await watched.run()).outcome).toBe('pending');
  expect(watched.node.read('etc/kubernetes/kubelet.conf')).toBeUndefined();
  expect(pki()).toEqual(['kubelet-client-1.pem.old', 'kubelet-client-current.pem.old']);
});

describe('a document without a cluster', () => {
  const before = { labels: 'example.com/rack: a1\n' };

  it.each([
    ['is empty', HEAD, undefined],
    ['names the node', `${HEAD}node: {name: other}\n`, undefined],
    ['comes with another name from the cloud', HEAD, 'instance-id: i-1\nlocal-hostname: other\n'],
    ['is on a copied disk', HEAD, 'instance-id: i-2\nlocal-hostname: other\n'],
  ])('that %s renames nothing and drops nothing', async (_what, document, metaData) => {
    const kept = identity();
    watched.node.seed(document, metaData);
    expect((await watched.run()).outcome).toBe('joined');
    expect(identity()).toEqual(kept);
    expect(watched.saw('identity.dropped')).toEqual([]);
    expect(watched.node.read('etc/kubernetes/node-labels')).not.toBe(before.labels);
  });

  it('does not hide that the disk was copied from a later one', async () => {
    watched.node.seed(HEAD, 'instance-id: i-2\n');
    await watched.run();
    watched.node.seed(DOCUMENT, 'instance-id: i-2\n');
    expect((await watched.run()).outcome).toBe('pending');
    expect(watched.saw('identity.dropped')).toHaveLength(1);
  });

  it('brings the identity back that another document had set aside', async () => {
    const kept = identity();
    watched.cluster.ca = CA_B;
    watched.node.seed(OTHER);
    await watched.start();
    await watched.sees('identity.dropped');
    await watched.sees('restart.sent');
    watched.node.seed(HEAD);
    watched.node.lease('10.0.2.99/24');
    await watched.sees('rollback');
    await watched.until(() => expect(watched.node.sent).toHaveLength(2));
    expect(identity()).toEqual(kept);
  });
});

/** Moves to the other cluster, until kubelet has a certificate of it. */
async function move(change: object = {}): Promise<void> {
  for (const name of ['kubelet-server-1.pem', 'kubelet-server-current.pem'])
    watched.node.write(`${PKI}/${name}`, CLIENT);
  watched.cluster.ca = CA_B;
  watched.cluster.answers[NODE] = { status: 404, body: '{}' };
  watched.node.seed(OTHER);
  await watched.start({ rollbackSeconds: 1, ...change });
  await watched.sees('restart.sent');
  watched.node.kubeletJoins(CLIENT.replace('\n', '\n\n'), 2);
  await watched.sees('joined');
}

describe('the certificates of the former cluster', () => {
  it('are kept until the node is Ready in the new one, and then removed', async () => {
    await move({ rollbackSeconds: 600 });
    await watched.looks(1);
    expect(pki()).toEqual(
      expect.arrayContaining(['kubelet-client-1.pem.old', 'kubelet-server-1.pem.old']),
    );
    expect(watched.node.read('etc/kubernetes/kubelet.conf.old')).toBeDefined();
    watched.cluster.answers[NODE] = READY;
    await watched.sees('node.ready');
    expect(pki()).toEqual(['kubelet-client-2.pem', 'kubelet-client-current.pem']);
    expect(watched.node.read('etc/kubernetes/kubelet.conf.old')).toBeUndefined();
    expect(watched.node.read('var/lib/kios/bootstrap/previous.json')).toBeUndefined();
  });

  it('return when the node does not become Ready, and those of the new one are removed', async () => {
    await move();
    await watched.sees('rollback');
    await watched.until(() => expect(watched.node.sent).toHaveLength(2));
    expect(watched.node.read(`${PKI}/kubelet-client-current.pem`)).toBe(CLIENT);
    expect(pki()).toEqual([
      'kubelet-client-1.pem',
      'kubelet-client-current.pem',
      'kubelet-server-1.pem',
      'kubelet-server-current.pem',
    ]);
  });

  it('return also when a second document was on trial', async () => {
    await move({ rollbackSeconds: 600 });
    await watched.stop();
    const third = clusterDocument('https://127.0.0.1:8443', { ca: CA_C });
    watched.cluster.ca = CA_C;
    const file = 'var/lib/kios/bootstrap/state.json';
    const state = watched.node.read(file) ?? '';
    watched.node.write(file, state.replace(/"restarts":\[[^\]]*\]/, '"restarts":[]'));
    watched.node.seed(third);
    await watched.start({ rollbackSeconds: 1 });
    await watched.sees('rollback');
    await watched.until(() => expect(watched.node.sent).toHaveLength(2));
    expect(watched.node.read(`${PKI}/kubelet-client-current.pem`)).toBe(CLIENT);
    expect(watched.node.read('etc/kubernetes/pki/ca.crt')).toBe(CA_A);
  });

  it('of a node that re-evaluates return too', async () => {
    const kept = identity();
    watched.cluster.answers[NODE] = { status: 404, body: '{}' };
    await watched.start({ reEvaluate: true, rollbackSeconds: 0.5 });
    await watched.sees('identity.dropped');
    await watched.sees('rollback');
    await watched.until(() => expect(watched.node.sent).toHaveLength(2));
    expect(identity()).toEqual(kept);
  });
});
