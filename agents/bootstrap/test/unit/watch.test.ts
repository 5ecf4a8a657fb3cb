import { readFileSync } from 'node:fs';
import path from 'node:path';

import { createLogger } from '@kios/agent';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Settings } from '../../src/core/settings/settings.ts';
import type { ApiAnswer, ApiRequest, ApiServer } from '../../src/edge/cluster/api-server.ts';
import { publicKeyPin } from '../../src/edge/node/certificates.ts';
import { watch } from '../../src/verbs/watch.ts';
import { clusterInfo, infoConfigMap } from '../support/cluster-info.ts';
import { clusterDocument, NodeFolder, TOKEN } from '../support/node-folder.ts';

const fixture = (name: string): string =>
  readFileSync(path.join(import.meta.dirname, '../support/fixtures', name), 'utf8');
const CA_A = fixture('ca-a.crt');
const CA_B = fixture('ca-b.crt');
const NODE = '/api/v1/nodes/node-1';
const EVENTS = '/api/v1/namespaces/default/events';

let node: NodeFolder;
let asked: ApiRequest[] = [];
let lines: string[] = [];
let stop: AbortController;
let watching: Promise<unknown>;
/** The API server's answers by prefix of the path; 200 and `{}` for any other. */
let answers: Record<string, ApiAnswer> = {};

const api: ApiServer = {
  get: async (wanted) => {
    asked.push(wanted);
    const found = Object.entries(answers).find(([prefix]) => wanted.path.startsWith(prefix));
    return Promise.resolve(found?.[1] ?? { status: 200, body: '{}' });
  },
};
const log = createLogger('bootstrap', {
  console: { send: () => {}, close: () => Promise.resolve() },
  stdout: { write: (line: string) => lines.push(line) },
});
const saw = (ev: string): readonly string[] =>
  lines.filter((line) => line.includes(`"ev":"${ev}"`));
const waitFor = async (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 20_000 });
const waitForEvent = async (ev: string): Promise<void> =>
  waitFor(() => expect(lines.join('')).toContain(`"ev":"${ev}"`));

const conditions = (status: string, lastHeartbeatTime?: string): ApiAnswer => ({
  status: 200,
  body: JSON.stringify({ status: { conditions: [{ type: 'Ready', status, lastHeartbeatTime }] } }),
});

function start(change: Partial<Settings> = {}): void {
  const settings = { ...node.settings, nodeCheckSeconds: 0.05, ...change };
  watching = watch({ settings, log, signal: stop.signal, openApi: () => api }).catch(
    (error: unknown) => error,
  );
}

async function endWatch(): Promise<void> {
  stop.abort();
  await watching;
  stop = new AbortController();
}

beforeEach(async () => {
  node = await NodeFolder.make();
  stop = new AbortController();
  watching = Promise.resolve();
  asked = [];
  lines = [];
  answers = {};
});

afterEach(async () => {
  await endWatch();
  await node[Symbol.asyncDispose]();
});

const kubeletJoins = (): void => node.kubeletJoins(fixture('client.crt'));

const document = (ca: string): string => clusterDocument('https://127.0.0.1:6443', { ca });

async function joinedNode(): Promise<void> {
  node.seed(document(CA_A));
  node.lease();
  answers = { [NODE]: conditions('True'), [EVENTS]: { status: 201, body: '{}' } };
  start();
  await waitForEvent('restart.sent');
  kubeletJoins();
  await waitForEvent('node.ready');
}

const request = (name: string, body: string): object => ({
  metadata: { name },
  spec: { request: btoa(body), signerName: 'kubernetes.io/kube-apiserver-client-kubelet' },
});

describe('a node that joins', () => {
  it('is reported to the log and, under its own identity, as an Event when it is Ready', async () => {
    await joinedNode();
    const posted = asked.find(({ body }) => body !== undefined);
    expect(posted?.path).toBe(EVENTS);
    expect(posted?.client?.cert).toBe(fixture('client.crt'));
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
    answers = {
      '/apis/certificates.k8s.io': { status: 200, body: JSON.stringify({ items }) },
    };
    node.seed(document(CA_A));
    node.lease();
    start({ rollbackSeconds: 0.1 });
    await waitForEvent('csr.pending');
    expect(saw('csr.pending')).toHaveLength(1);
    expect(saw('csr.pending')[0]).toContain('kubectl certificate approve csr-ours');
    expect(saw('rollback')).toEqual([]);
    expect(asked.at(-1)?.token).toBe(TOKEN);
  });

  it("and only waits for the cluster's pod network is not rolled back", async () => {
    node.seed(document(CA_A));
    node.lease();
    const message = 'container runtime network not ready: NetworkReady=false reason:X';
    const body = { status: { conditions: [{ type: 'Ready', status: 'False', message }] } };
    answers = { [NODE]: { status: 200, body: JSON.stringify(body) } };
    start();
    await waitForEvent('restart.sent');
    kubeletJoins();
    await waitForEvent('network.wait');
    await endWatch();
    start({ rollbackSeconds: 0.01 });
    await waitFor(() => expect(saw('network.wait')).toHaveLength(2));
    expect(saw('rollback')).toEqual([]);
    expect(node.sent).toEqual(['03']);
    answers[NODE] = conditions('True');
    await waitForEvent('node.ready');
  });

  it('and is deleted before it was Ready returns too', async () => {
    node.seed(document(CA_A));
    node.lease();
    answers = { [NODE]: conditions('False') };
    start();
    await waitForEvent('restart.sent');
    kubeletJoins();
    await waitFor(() => expect(asked.map(({ path: where }) => where)).toContain(NODE));
    answers[NODE] = { status: 404, body: '{}' };
    await waitFor(() => expect(node.sent).toEqual(['03', '03']));
  });

  it('and does not become Ready is standalone again and not tried at once', async () => {
    node.seed(document(CA_A));
    node.lease();
    start({ rollbackSeconds: 0.1 });
    await waitForEvent('rollback');
    await waitFor(() => expect(node.sent).toEqual(['03', '03']));
    for (const file of ['bootstrap-kubelet.conf', 'pki/ca.crt', 'kubelet.conf.d/20-cluster.conf'])
      expect(node.read(`etc/kubernetes/${file}`)).toBeUndefined();
    expect(node.read('etc/hostname')).toBeUndefined();
    // The next looks change nothing.
    node.lease('10.0.2.99/24');
    node.startKubelet('standalone');
    await endWatch();
    start({ rollbackSeconds: 0.1 });
    await waitForEvent('standalone');
    expect(node.sent).toEqual(['03', '03']);
  });

  it('is tried again when its document changes', async () => {
    node.seed(document(CA_A));
    node.lease();
    start({ rollbackSeconds: 0.1 });
    await waitForEvent('rollback');
    await endWatch();
    lines = [];
    node.seed(document(CA_A).replace(TOKEN, 'zzzzzz.0123456789abcdef'));
    start();
    await waitForEvent('restart.sent');
    expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toContain('zzzzzz');
  });
});

describe('a member', () => {
  it('that starts again asks the network nothing at first', async () => {
    await joinedNode();
    await endWatch();
    asked = [];
    lines = [];
    start({ nodeCheckSeconds: 60 });
    await waitForEvent('joined');
    node.lease();
    expect(asked).toEqual([]);
    expect(node.sent).toEqual(['03']);
  });

  it('that re-evaluates joins anew once', async () => {
    await joinedNode();
    await endWatch();
    lines = [];
    start({ reEvaluate: true });
    await waitForEvent('identity.dropped');
    await waitForEvent('restart.sent');
    node.lease();
    await waitFor(() => expect(asked.length).toBeGreaterThan(0));
    node.write('var/lib/kubelet/pki/x', '');
    kubeletJoins();
    await waitForEvent('joined');
    expect(saw('identity.dropped')).toHaveLength(1);
    expect(node.sent).toEqual(['03', '03']);
  });

  it('follows the address of its router, which it polls', async () => {
    node.route6('20010db800000000505400fffe123456');
    await joinedNode();
    node.route6('20010db800010000505400fffe123456');
    await waitFor(() => expect(node.sent).toEqual(['03', '03']));
    expect(node.read('etc/kubernetes/node-ip')).toBe('10.0.2.15,2001:db8:1:0:5054:ff:fe12:3456\n');
  });

  it('does not count a restart of an earlier boot in this boot', async () => {
    await joinedNode();
    await endWatch();
    const file = 'var/lib/kios/bootstrap/state.json';
    const state = (node.read(file) ?? '').replace(/"bootId":"[^"]*"/, '"bootId":"before"');
    node.write(file, state.replace('"restarts"', '"readdressed":1e9,"restarts"'));
    answers[NODE] = { status: 404, body: '{}' };
    start();
    await waitFor(() => expect(node.sent).toEqual(['03', '03']));
    await waitFor(() => expect(node.read(file)).not.toContain('before'));
    expect(node.read(file)).not.toContain('readdressed');
  });

  it('whose object was deleted gets one restart, so that kubelet registers it', async () => {
    await joinedNode();
    answers[NODE] = { status: 404, body: '{}' };
    await waitFor(() => expect(node.sent).toEqual(['03', '03']));
    await waitFor(() => expect(saw('restart.sent').join('')).toContain('deleted'));
  });

  it.each([
    [500, ''],
    [200, '<html>'],
    [200, 'null'],
    [200, '{"status":{"conditions":5}}'],
  ])('whose control plane answers %i %s stays as it is', async (status, body) => {
    await joinedNode();
    answers[NODE] = { status, body };
    const before = asked.length;
    await waitFor(() => expect(asked.length).toBeGreaterThan(before + 3));
    expect(node.sent).toEqual(['03']);
  });

  it('gets its former configuration back when a new document does not work', async () => {
    await joinedNode();
    await endWatch();
    const before = node.read('etc/kubernetes/pki/ca.crt');
    const conf = node.read('etc/kubernetes/kubelet.conf');
    lines = [];
    node.seed(document(CA_B));
    start({ rollbackSeconds: 0.3 });
    await waitForEvent('identity.dropped');
    await waitForEvent('rollback');
    await waitFor(() => expect(node.sent).toHaveLength(3));
    expect(node.read('etc/kubernetes/pki/ca.crt')).toBe(before);
    expect(node.read('etc/kubernetes/kubelet.conf')).toBe(conf);
    expect(node.read('var/lib/kubelet/pki/kubelet-client-current.pem')).toBe(fixture('client.crt'));
    expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toBeUndefined();
  });

  it('does not count as Ready by a heartbeat from before the new document', async () => {
    await joinedNode();
    await endWatch();
    lines = [];
    answers[NODE] = conditions('True', '2026-01-01T00:00:00Z');
    node.seed(document(CA_A).replace('a1', 'b2'));
    start({ rollbackSeconds: 0.3 });
    await waitForEvent('rollback');
    await waitFor(() => expect(node.sent).toHaveLength(3));
    expect(node.read('etc/kubernetes/node-labels')).toContain('a1');
    expect(saw('node.ready')).toEqual([]);
  });

  it('keeps its certificate when its document changes, even with an expired token', async () => {
    await joinedNode();
    await endWatch();
    lines = [];
    asked = [];
    node.seed(document(CA_A).replace('a1', 'b2'));
    start();
    await waitForEvent('restart.sent');
    expect(node.read('etc/kubernetes/node-labels')).toContain('b2');
    expect(saw('identity.dropped')).toEqual([]);
    expect(asked.filter(({ token }) => token !== undefined)).toEqual([]);
  });

  it('that found its CA by the hash follows it when the cluster replaces it', async () => {
    const info = '/api/v1/namespaces/kube-public/configmaps/cluster-info';
    const publish = (ca: string): void => {
      answers[info] = { status: 200, body: infoConfigMap(clusterInfo(ca)) };
    };
    answers = { [NODE]: conditions('True') };
    publish(CA_A);
    node.seed(clusterDocument('https://127.0.0.1:6443', { pins: [publicKeyPin(CA_A)] }));
    node.lease();
    start();
    await waitForEvent('restart.sent');
    kubeletJoins();
    await waitForEvent('node.ready');
    expect(node.sent).toEqual(['03']);
    publish(CA_A + CA_B);
    await waitForEvent('ca.changed');
    await waitFor(() => expect(node.sent).toEqual(['03', '03']));
    expect(node.read('etc/kubernetes/pki/ca.crt')).toBe(CA_A + CA_B);
    // The CA without the old certificate arrives over a connection that both of them verify.
    publish(CA_B);
    await waitFor(() => expect(node.sent).toHaveLength(3));
    expect(node.read('etc/kubernetes/pki/ca.crt')).toBe(CA_B);
    expect(saw('identity.dropped')).toEqual([]);
    await waitFor(() => expect(asked.at(-1)?.ca).toEqual([CA_B]));
    // kubeadm's role binding covers anonymous requests only.
    const reads = asked.filter(({ path: where }) => where === info);
    expect(
      reads.filter(({ client, token }) => client !== undefined || token !== undefined),
    ).toEqual([]);
  });
});
