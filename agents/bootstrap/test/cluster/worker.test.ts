import { chmodSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'node:tls';

import { bundleAgent } from '@kios/bundle';
import { requireRoot } from '@kios/testkit';
import { CONTROL_PLANE, ControlPlane, missing, NODE, pin } from '@kios/testkit/control-plane';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { clusterDocument, TOKEN } from '../support/node-folder.ts';
import { Worker } from '../support/worker.ts';

const why = missing([...CONTROL_PLANE, ...NODE]);
if (why !== undefined) process.stderr.write(`skipped: ${why}\n`);

/**
 * Signed certificates are backdated by five minutes, and kubelet renews one after 70 to 90 percent of its life: with
 * this value at most a minute from now.
 */
const SIGNING_SECONDS = 90;
const CURRENT = 'var/lib/kubelet/pki/kubelet-client-current.pem';
const TOKEN_FILE = 'etc/kubernetes/bootstrap-kubelet.conf';

/** Returns the target of kubelet's link, another file for each certificate. */
const currentCertificate = ({ node }: Worker): string =>
  readlinkSync(path.join(node.root, CURRENT));

/** Returns a document with other credentials than a token. */
const documentWith = (plane: ControlPlane, auth: unknown, more: object = {}): string =>
  JSON.stringify({
    apiVersion: 'kios.dev/v1',
    kind: 'NodeBootstrap',
    cluster: { endpoint: plane.endpoint, caBundle: plane.ca },
    auth,
    ...more,
  });

/** Waits until a condition holds; the deadline only ends a test that hangs. */
async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  seconds = 60,
): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await delay(100);
  }
}

/** Returns the common name of kubelet's serving certificate; rejects when it is not of that CA. */
async function subjectServedAt(port: number, ca: string): Promise<string> {
  // kubelet's certificate has the addresses of its Node, and this connection uses loopback.
  const options = { host: '127.0.0.1', port, ca, checkServerIdentity: () => undefined };
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect(options, () => resolve(String(socket.getPeerCertificate().subject.CN)));
  socket.on('error', reject);
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

const seed = ({ node }: Worker, name: string, document: string): void => {
  node.seed(document, `instance-id: ${name}\nlocal-hostname: ${name}\n`);
  node.lease();
};

describe.skipIf(why !== undefined)('a machine with the real kubelet', { timeout: 240_000 }, () => {
  let plane: ControlPlane;

  beforeEach(requireRoot);

  beforeAll(async () => {
    plane = await ControlPlane.start(SIGNING_SECONDS);
    await plane.publishClusterInfo();
    await plane.letNodesJoin();
    await plane.createToken(TOKEN);
  }, 90_000);

  afterAll(async () => {
    await plane[Symbol.asyncDispose]();
  });

  const hasNode = async (name: string): Promise<boolean> =>
    (await plane.call('GET', `/api/v1/nodes/${name}`).catch(() => 0)) === 200;

  /** kubelet's lease, renewed every ten seconds while it reaches the API server. */
  const lastSeen = async (name: string): Promise<string> => {
    const where = `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${name}`;
    const { body } = await plane.ask('GET', where).catch(() => ({ body: '' }));
    return /"renewTime":\s*"([^"]*)"/.exec(body)?.[1] ?? '';
  };

  it('by token and CA hash kubelet gets its certificate, the node appears and the token is gone', async () => {
    await using worker = await Worker.start();
    seed(worker, 'by-hash', clusterDocument(plane.endpoint, { pins: [pin(plane.ca)] }));
    await using agent = worker.agent();
    await agent.expect('joined', 120);
    await until('node by-hash', async () => hasNode('by-hash'));
    await agent.expect('node.ready', 60);
    await until('the report as an Event', async () => {
      const { body } = await plane.ask('GET', '/api/v1/events');
      return body.includes('"reason":"Joined"');
    });
    expect(worker.starts).toEqual(['standalone', 'cluster']);
    expect(worker.node.sent).toEqual(['03']);
    await until('the token is off the disk', () => worker.node.read(TOKEN_FILE) === undefined);
  });

  it("with a cloud's own manager the node waits for it, with its providerID", async () => {
    await using worker = await Worker.start();
    const document = clusterDocument(plane.endpoint, { ca: plane.ca });
    const external = '"cloudProvider":"external","providerID":"hcloud://1","labels"';
    seed(worker, 'managed', document.replace('"labels"', external));
    await using agent = worker.agent();
    await agent.expect('joined', 120);
    await until('node managed', async () => hasNode('managed'));
    const { body } = await plane.ask('GET', '/api/v1/nodes/managed');
    expect(JSON.parse(body)).toMatchObject({
      spec: {
        providerID: 'hcloud://1',
        taints: expect.arrayContaining([
          expect.objectContaining({
            key: 'node.cloudprovider.kubernetes.io/uninitialized',
            effect: 'NoSchedule',
          }),
        ]) as unknown,
      },
    });
  });

  it('a short-lived certificate is renewed by kubelet without the agent', async () => {
    await using worker = await Worker.start();
    seed(worker, 'renewed', clusterDocument(plane.endpoint, { ca: plane.ca }));
    await using agent = worker.agent();
    await agent.expect('joined', 120);
    const first = currentCertificate(worker);
    await until('another certificate', () => currentCertificate(worker) !== first, 120);
    const seen = await lastSeen('renewed');
    await until('kubelet reports with it', async () => (await lastSeen('renewed')) > seen);
    expect(worker.node.sent).toEqual(['03']);
  });

  it('by client certificate kubelet joins without requesting one', async () => {
    await using worker = await Worker.start();
    const clientCertificate = plane.clientCertificate('/O=system:nodes/CN=system:node:by-cert');
    seed(worker, 'by-cert', documentWith(plane, { clientCertificate }));
    await using agent = worker.agent();
    await agent.expect('joined', 120);
    await until('node by-cert', async () => hasNode('by-cert'));
    expect(worker.node.read(TOKEN_FILE)).toBeUndefined();
  });

  it('by exec credential kubelet runs the program', async () => {
    await using worker = await Worker.start();
    const { cert, key } = plane.clientCertificate('/O=system:nodes/CN=system:node:by-exec');
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { clientCertificateData: cert, clientKeyData: key },
    };
    // As in a custom agent's image, the program lies beside the agent, which installs it for kubelet.
    worker.node.write('var/lib/kios/credential.json', JSON.stringify(credential));
    worker.node.write(
      'plugins/test-credential',
      '#!/bin/sh\nexec cat /var/lib/kios/credential.json\n',
    );
    chmodSync(path.join(worker.node.root, 'plugins/test-credential'), 0o755);
    const exec = { command: 'test-credential', apiVersion: credential.apiVersion };
    seed(worker, 'by-exec', documentWith(plane, { exec }));
    await using agent = worker.agent();
    await agent.expect('restart.sent', 60);
    await until('node by-exec', async () => hasNode('by-exec'));
    expect(worker.node.read(TOKEN_FILE)).toBeUndefined();
  });

  it('an expired token is refused, and its successor with the same id is accepted', async () => {
    const token = 'expire.0123456789abcdef';
    await plane.createToken(token, new Date(Date.now() + 3000));
    await until('the cluster forgot the token', async () => !(await plane.hasToken(token)));
    await using worker = await Worker.start();
    seed(worker, 'late-token', clusterDocument(plane.endpoint, { ca: plane.ca }, token));
    await using agent = worker.agent();
    await agent.expect('cluster.token_rejected', 30);
    expect(worker.node.read(TOKEN_FILE)).toBeUndefined();
    await plane.createToken(token);
    await agent.expect('joined', 120);
    await until('node late-token', async () => hasNode('late-token'));
  });

  it('a custom agent (examples/bootstrap-custom) makes kubelet join', async () => {
    const example = path.resolve(import.meta.dirname, '../../../../examples/bootstrap-custom');
    await bundleAgent(example);
    await using worker = await Worker.start();
    const files = { server: plane.endpoint, 'ca.crt': plane.ca, token: TOKEN, node: 'by-custom' };
    for (const [name, content] of Object.entries(files))
      worker.node.write(`run/kios/seed/cidata/${name}`, content);
    worker.startCustom(path.join(example, 'dist/agent.cjs'));
    await until('node by-custom', async () => hasNode('by-custom'));
    expect(worker.starts).toEqual(['standalone', 'cluster']);
    expect(worker.node.sent).toEqual(['03']);
  });

  it('a node that is deleted while it runs returns', async () => {
    await using worker = await Worker.start();
    seed(worker, 'deleted', clusterDocument(plane.endpoint, { ca: plane.ca }));
    await using agent = worker.agent('--node-check=10');
    await agent.expect('joined', 120);
    await agent.expect('node.ready', 60);
    await plane.call('DELETE', '/api/v1/nodes/deleted');
    await until('it is back', async () => hasNode('deleted'), 200);
    expect(worker.starts.length).toBeGreaterThan(2);
  });

  it('a serving certificate waits for an approval, and the command for it is logged', async () => {
    const name = 'serving';
    await using worker = await Worker.start();
    const kubelet = { config: { serverTLSBootstrap: true } };
    seed(worker, name, documentWith(plane, { bootstrapToken: TOKEN }, { kubelet }));
    await using agent = worker.agent('--node-check=5');
    await agent.expect('node.ready', 120);
    const pending = await agent.expect('csr.pending', 120);
    expect(pending).toMatchObject({ lvl: 'warn', signer: 'kubernetes.io/kubelet-serving' });
    expect(pending['remedy']).toBe(`Run: kubectl certificate approve ${String(pending['name'])}.`);
    await plane.approve(String(pending['name']));
    const subject = async (): Promise<string | undefined> =>
      subjectServedAt(worker.kubeletPort, plane.ca).catch(() => undefined);
    await until('kubelet serves with it', async () => (await subject()) === `system:node:${name}`);
    expect(agent.count('csr.pending')).toBe(1);
    expect(worker.starts).toEqual(['standalone', 'cluster']);
  });

  /*
   * The pauses between tries grow to a minute within three minutes, so five minutes stand for any outage. The length is
   * the subject of this test, so it takes that time.
   */
  it(
    'a control plane that is away for five minutes while a node joins is waited for',
    { timeout: 480_000 },
    async () => {
      await plane.stopServer();
      await using worker = await Worker.start();
      seed(worker, 'patient', clusterDocument(plane.endpoint, { pins: [pin(plane.ca)] }));
      await using agent = worker.agent();
      await agent.expect('cluster.unreachable');
      await delay(300_000);
      expect(agent.count('cluster.unreachable')).toBeGreaterThan(8);
      expect(worker.node.sent).toEqual([]);
      expect(worker.node.read(TOKEN_FILE)).toBeUndefined();
      await plane.startServer();
      await agent.expect('joined', 120);
      await until('node patient', async () => hasNode('patient'));
      expect(worker.starts).toEqual(['standalone', 'cluster']);
    },
  );

  /*
   * A member looks at its Node every minute and kubelet renews its lease every ten seconds, at fixed intervals whatever
   * failed before. With a look every five seconds, one minute has more of both than five minutes on a usual node.
   */
  it('a control plane that is away after the join is reached again, and nothing is restarted', async () => {
    await using worker = await Worker.start();
    seed(worker, 'steady', clusterDocument(plane.endpoint, { ca: plane.ca }));
    await using agent = worker.agent('--node-check=5', '--rollback=30');
    await agent.expect('node.ready', 120);
    const [sent, log] = [worker.node.sent.length, worker.log('kubelet').length];
    await plane.stopServer();
    await delay(60_000);
    expect(worker.log('kubelet').slice(log)).toMatch(/refused/);
    await plane.startServer();
    const seen = await lastSeen('steady');
    await until('kubelet reports again', async () => (await lastSeen('steady')) > seen, 120);
    expect(worker.node.sent.length).toBe(sent);
    expect(agent.count('rollback')).toBe(0);
    expect(worker.starts).toEqual(['standalone', 'cluster']);
  });

  // This test is the last one, because the cluster has two CAs afterwards.
  it('a CA rotated over both CAs is followed, and the node keeps its certificate', async () => {
    await using worker = await Worker.start();
    const before = plane.ca;
    seed(worker, 'rotated', clusterDocument(plane.endpoint, { ca: before }));
    await using agent = worker.agent();
    await agent.expect('joined', 120);
    await until('node rotated', async () => hasNode('rotated'));
    plane.announceCa();
    await plane.rotateCa();
    seed(worker, 'rotated', clusterDocument(plane.endpoint, { ca: plane.ca }));
    await until(
      'the new bundle',
      () => worker.node.read('etc/kubernetes/pki/ca.crt') === plane.ca,
      90,
    );
    const seen = await lastSeen('rotated');
    await until('kubelet trusts the new server', async () => (await lastSeen('rotated')) > seen);
    expect(agent.count('identity.dropped')).toBe(0);
  });
});
