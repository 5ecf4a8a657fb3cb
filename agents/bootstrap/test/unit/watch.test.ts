import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { ApiAnswer } from '../../src/edge/cluster/api-server.ts';
import { publicKeyPin } from '../../src/edge/node/certificates.ts';
import { clusterInfo, infoConfigMap } from '../support/cluster-info.ts';
import { NODE, nodeWith } from '../support/fake-cluster.ts';
import { CA_A, CA_B, CLIENT } from '../support/fixtures.ts';
import { LocalAgent } from '../support/local-agent.ts';
import { clusterDocument, NodeFolder, TOKEN } from '../support/node-folder.ts';

const EVENTS = '/api/v1/namespaces/default/events';

let node: NodeFolder;
let agent: LocalAgent;

const conditions = (status: string, lastHeartbeatTime?: string): ApiAnswer =>
  nodeWith({ type: 'Ready', status, lastHeartbeatTime });

beforeEach(async () => {
  node = await NodeFolder.make();
  agent = new LocalAgent(node);
});

afterEach(async () => {
  await agent[Symbol.asyncDispose]();
});

const kubeletJoins = (): void => node.kubeletJoins(CLIENT);

const document = (ca: string): string => clusterDocument('https://127.0.0.1:6443', { ca });

const standing = (): string | undefined =>
  /"state":"([a-z-]+)"/.exec(node.read('run/kios/platform/node.json') ?? '')?.[1];

async function joinedNode(): Promise<void> {
  node.seed(document(CA_A));
  node.lease();
  agent.cluster.answers = { [NODE]: conditions('True'), [EVENTS]: { status: 201, body: '{}' } };
  await agent.start();
  await agent.sees('restart.sent');
  kubeletJoins();
  await agent.sees('node.ready');
}

const request = (name: string, body: string): object => ({
  metadata: { name },
  spec: { request: btoa(body), signerName: 'kubernetes.io/kube-apiserver-client-kubelet' },
});

describe('a node that joins', () => {
  it('is reported to the log and, under its own identity, as an Event when it is Ready', async () => {
    await joinedNode();
    const posted = agent.cluster.asked.find(({ body }) => body !== undefined);
    expect(posted?.path).toBe(EVENTS);
    expect(posted?.client?.cert).toBe(CLIENT);
    expect(posted?.token).toBeUndefined();
    const message = /"message":"([^"]*)"/.exec(posted?.body ?? '')?.[1];
    expect(message).toMatch(
      /^Node joined [\d.]+ s after .*lease 1\.0 s, .*verified .*Ready [\d.]+ s$/,
    );
    expect(node.read('var/lib/kios/bootstrap/previous.json')).toBeUndefined();
    expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toBeUndefined();
    expect(node.sent).toEqual(['03']);
  });

  it('and waits for an approval is not rolled back; the command is logged', async () => {
    const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${btoa('x\u0012system:node:node-1y')}\n-----END CERTIFICATE REQUEST-----\n`;
    const other = pem.replace(
      btoa('x\u0012system:node:node-1y'),
      btoa('x\u0013system:node:node-12'),
    );
    const items = [request('csr-other', other), request('csr-ours', pem)];
    agent.cluster.answers = {
      '/apis/certificates.k8s.io': { status: 200, body: JSON.stringify({ items }) },
    };
    node.seed(document(CA_A));
    node.lease();
    await agent.start({ rollbackSeconds: 0.1 });
    await agent.sees('csr.pending');
    expect(agent.saw('csr.pending')).toHaveLength(1);
    expect(JSON.stringify(agent.saw('csr.pending'))).toContain(
      'kubectl certificate approve csr-ours',
    );
    expect(agent.saw('rollback')).toEqual([]);
    expect(agent.cluster.asked.at(-1)?.token).toBe(TOKEN);
  });

  it("and only waits for the cluster's pod network is not rolled back", async () => {
    node.seed(document(CA_A));
    node.lease();
    const message = 'container runtime network not ready: NetworkReady=false reason:X';
    const body = { status: { conditions: [{ type: 'Ready', status: 'False', message }] } };
    agent.cluster.answers = { [NODE]: { status: 200, body: JSON.stringify(body) } };
    await agent.start();
    await agent.sees('restart.sent');
    kubeletJoins();
    await agent.sees('network.wait');
    await agent.stop();
    await agent.start({ rollbackSeconds: 0.01 });
    await agent.until(() => expect(agent.saw('network.wait')).toHaveLength(2));
    expect(agent.saw('rollback')).toEqual([]);
    expect(node.sent).toEqual(['03']);
    agent.cluster.answers[NODE] = conditions('True');
    await agent.sees('node.ready');
  });

  it('and is deleted before it was Ready returns too', async () => {
    node.seed(document(CA_A));
    node.lease();
    agent.cluster.answers = { [NODE]: conditions('False') };
    await agent.start();
    await agent.sees('restart.sent');
    kubeletJoins();
    await agent.until(() =>
      expect(agent.cluster.asked.map(({ path: where }) => where)).toContain(NODE),
    );
    agent.cluster.answers[NODE] = { status: 404, body: '{}' };
    await agent.until(() => expect(node.sent).toEqual(['03', '03']));
  });

  it('and does not become Ready is standalone again and not tried at once', async () => {
    node.seed(document(CA_A));
    node.lease();
    await agent.start({ rollbackSeconds: 0.1 });
    await agent.sees('rollback');
    await agent.until(() => expect(node.sent).toEqual(['03', '03']));
    for (const file of ['bootstrap-kubelet.conf', 'pki/ca.crt', 'kubelet.conf.d/20-cluster.conf'])
      expect(node.read(`etc/kubernetes/${file}`)).toBeUndefined();
    expect(node.read('etc/hostname')).toBeUndefined();
    // The next looks change nothing.
    node.lease('10.0.2.99/24');
    node.startKubelet('standalone');
    await agent.stop();
    await agent.start({ rollbackSeconds: 0.1 });
    await agent.sees('standalone');
    expect(node.sent).toEqual(['03', '03']);
  });

  it('is tried again when its document changes', async () => {
    node.seed(document(CA_A));
    node.lease();
    await agent.start({ rollbackSeconds: 0.1 });
    await agent.sees('rollback');
    await agent.stop();
    agent.lines = [];
    node.seed(document(CA_A).replace(TOKEN, 'zzzzzz.0123456789abcdef'));
    await agent.start();
    await agent.sees('restart.sent');
    expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toContain('zzzzzz');
  });
});

describe('a member', () => {
  it('that starts again asks the network nothing at first', async () => {
    await joinedNode();
    await agent.stop();
    agent.cluster.asked.length = 0;
    agent.lines = [];
    await agent.start({ nodeCheckSeconds: 60 });
    await agent.sees('joined');
    node.lease();
    expect(agent.cluster.asked).toEqual([]);
    expect(node.sent).toEqual(['03']);
  });

  it('that re-evaluates joins anew once', async () => {
    await joinedNode();
    await agent.stop();
    agent.lines = [];
    await agent.start({ reEvaluate: true });
    await agent.sees('identity.dropped');
    await agent.sees('restart.sent');
    node.lease();
    await agent.until(() => expect(agent.cluster.asked.length).toBeGreaterThan(0));
    node.write('var/lib/kubelet/pki/x', '');
    kubeletJoins();
    await agent.sees('joined');
    expect(agent.saw('identity.dropped')).toHaveLength(1);
    expect(node.sent).toEqual(['03', '03']);
  });

  it('follows the address of its router, which it polls', async () => {
    node.route6('20010db800000000505400fffe123456');
    await joinedNode();
    node.route6('20010db800010000505400fffe123456');
    await agent.until(() => expect(node.sent).toEqual(['03', '03']));
    expect(node.read('etc/kubernetes/node-ip')).toBe('10.0.2.15,2001:db8:1:0:5054:ff:fe12:3456\n');
  });

  it('does not count a restart of an earlier boot in this boot', async () => {
    await joinedNode();
    await agent.stop();
    const file = 'var/lib/kios/bootstrap/state.json';
    const state = (node.read(file) ?? '').replace(/"bootId":"[^"]*"/, '"bootId":"before"');
    node.write(file, state.replace('"restarts"', '"readdressed":1e9,"restarts"'));
    agent.cluster.answers[NODE] = { status: 404, body: '{}' };
    await agent.start();
    await agent.until(() => expect(node.sent).toEqual(['03', '03']));
    await agent.until(() => expect(node.read(file)).not.toContain('before'));
    expect(node.read(file)).not.toContain('readdressed');
  });

  it('whose object was deleted gets one restart, so that kubelet registers it', async () => {
    await joinedNode();
    agent.cluster.answers[NODE] = { status: 404, body: '{}' };
    await agent.until(() => expect(node.sent).toEqual(['03', '03']));
    await agent.until(() => expect(JSON.stringify(agent.saw('restart.sent'))).toContain('deleted'));
  });

  it.each([
    [500, ''],
    [200, '<html>'],
    [200, 'null'],
    [200, '{"status":{"conditions":5}}'],
  ])('whose control plane answers %i %s stays as it is', async (status, body) => {
    await joinedNode();
    agent.cluster.answers[NODE] = { status, body };
    const before = agent.cluster.asked.length;
    await agent.until(() => expect(agent.cluster.asked.length).toBeGreaterThan(before + 3));
    expect(node.sent).toEqual(['03']);
  });

  it('gets its former configuration back when a new document does not work', async () => {
    await joinedNode();
    await agent.stop();
    const before = node.read('etc/kubernetes/pki/ca.crt');
    const conf = node.read('etc/kubernetes/kubelet.conf');
    agent.lines = [];
    agent.cluster.ca = CA_B;
    node.seed(document(CA_B));
    await agent.start({ rollbackSeconds: 0.3 });
    await agent.sees('identity.dropped');
    await agent.sees('rollback');
    await agent.until(() => expect(node.sent).toHaveLength(3));
    expect(node.read('etc/kubernetes/pki/ca.crt')).toBe(before);
    expect(node.read('etc/kubernetes/kubelet.conf')).toBe(conf);
    expect(node.read('var/lib/kubelet/pki/kubelet-client-current.pem')).toBe(CLIENT);
    expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toBeUndefined();
  });

  it('does not count as Ready by a heartbeat from before the new document', async () => {
    await joinedNode();
    await agent.stop();
    agent.lines = [];
    agent.cluster.answers[NODE] = conditions('True', '2026-01-01T00:00:00Z');
    node.seed(document(CA_A).replace('a1', 'b2'));
    await agent.start({ rollbackSeconds: 0.3 });
    await agent.sees('rollback');
    await agent.until(() => expect(node.sent).toHaveLength(3));
    expect(node.read('etc/kubernetes/node-labels')).toContain('a1');
    expect(agent.saw('node.ready')).toEqual([]);
  });

  it('keeps its certificate when its document changes, even with an expired token', async () => {
    await joinedNode();
    await agent.stop();
    agent.lines = [];
    agent.cluster.asked.length = 0;
    node.seed(document(CA_A).replace('a1', 'b2'));
    await agent.start();
    await agent.sees('restart.sent');
    expect(node.read('etc/kubernetes/node-labels')).toContain('b2');
    expect(agent.saw('identity.dropped')).toEqual([]);
    expect(agent.cluster.asked.filter(({ token }) => token !== undefined)).toEqual([]);
  });

  it('that found its CA by the hash follows it when the cluster replaces it', async () => {
    const info = '/api/v1/namespaces/kube-public/configmaps/cluster-info';
    const publish = (ca: string): void => {
      agent.cluster.answers[info] = { status: 200, body: infoConfigMap(clusterInfo(ca)) };
    };
    agent.cluster.answers = { [NODE]: conditions('True') };
    agent.cluster.ca = undefined;
    publish(CA_A);
    node.seed(clusterDocument('https://127.0.0.1:6443', { pins: [publicKeyPin(CA_A)] }));
    node.lease();
    await agent.start();
    await agent.sees('restart.sent');
    kubeletJoins();
    await agent.sees('node.ready');
    expect(node.sent).toEqual(['03']);
    publish(CA_A + CA_B);
    await agent.sees('ca.changed');
    await agent.until(() => expect(node.sent).toEqual(['03', '03']));
    expect(node.read('etc/kubernetes/pki/ca.crt')).toBe(CA_A + CA_B);
    // The CA without the old certificate arrives over a connection that both of them verify.
    publish(CA_B);
    await agent.until(() => expect(node.sent).toHaveLength(3));
    expect(node.read('etc/kubernetes/pki/ca.crt')).toBe(CA_B);
    expect(agent.saw('identity.dropped')).toEqual([]);
    await agent.until(() => expect(agent.cluster.asked.at(-1)?.ca).toEqual([CA_B]));
    // kubeadm's role binding covers anonymous requests only.
    const reads = agent.cluster.asked.filter(({ path: where }) => where === info);
    expect(
      reads.filter(({ client, token }) => client !== undefined || token !== undefined),
    ).toEqual([]);
  });
});

describe('what init is told of the cluster', () => {
  it('is that the node is Ready, and later that it is not', async () => {
    await joinedNode();
    await agent.until(() => expect(standing()).toBe('ready'));
    agent.cluster.answers[NODE] = conditions('False');
    await agent.until(() => expect(standing()).toBe('not-ready'));
    agent.cluster.answers[NODE] = conditions('True');
    await agent.until(() => expect(standing()).toBe('ready'));
    agent.cluster.answers[NODE] = { status: 500, body: '' };
    await agent.until(() => expect(standing()).toBe('not-ready'));
  });

  it('is that it waits for its certificate', async () => {
    node.seed(document(CA_A));
    node.lease();
    await agent.start();
    await agent.until(() => expect(standing()).toBe('joining'));
  });

  it('is not that it joins none, while it waits for its network', async () => {
    node.seed(document(CA_A));
    await agent.start();
    await agent.until(() => expect(standing()).toBe('joining'));
  });

  it('is that no document names a cluster', async () => {
    node.lease();
    await agent.start();
    await agent.until(() => expect(standing()).toBe('alone'));
  });

  it('comes as often while the document is at fault', async () => {
    await joinedNode();
    node.seed('kind: [');
    await agent.sees('bad.document');
    const looks = (): number => agent.cluster.asked.filter(({ path }) => path === NODE).length;
    const before = looks();
    // The document itself is read again after 30 s.
    await vi.waitFor(() => expect(looks()).toBeGreaterThan(before + 2), { timeout: 20_000 });
    expect(standing()).toBe('ready');
  });

  it('survives a disk that gives no file any more', async () => {
    await joinedNode();
    const file = 'var/lib/kios/bootstrap/state.json';
    const state = node.read(file) ?? '';
    node.remove(file);
    // As EIO, an error that no reader of a file expects.
    node.write(`${file}/x`, '');
    node.seed('kind: [');
    await agent.sees('files.failed');
    node.remove(file);
    node.write(file, state);
    node.seed('kind: [[');
    // Its files are read again after 30 s, or at once when something changes in a folder that is watched.
    node.lease();
    await agent.sees('bad.document');
    expect(agent.saw('crash')).toEqual([]);
  });

  it('comes sooner while a version of the system is on trial', async () => {
    await joinedNode();
    await agent.stop();
    agent.cluster.asked.length = 0;
    const trial = {
      v: 1,
      managed: true,
      running: 2,
      version: '0.2.0',
      state: 'trial',
      triesLeft: 2,
    };
    const state = { ...trial, good: [1], failed: null, dirty: false, reason: '' };
    node.write('run/kios/slots.json', JSON.stringify(state));
    await agent.start({ nodeCheckSeconds: 60 });
    await agent.until(() => expect(agent.cluster.asked.length).toBeGreaterThan(0));
  });
});
