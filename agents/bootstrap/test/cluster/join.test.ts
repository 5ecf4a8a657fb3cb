import { setTimeout as delay } from 'node:timers/promises';

import { CONTROL_PLANE, ControlPlane, missing, pin } from '@kios/testkit/control-plane';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { AgentProcess, RUNTIMES } from '../support/agent-process.ts';
import { clusterDocument, NodeFolder, TOKEN } from '../support/node-folder.ts';

const why = missing(CONTROL_PLANE);
if (why !== undefined) process.stderr.write(`skipped: ${why}\n`);

/** The cluster's files on disk, and the bytes sent for kubelet. */
const leftovers = (node: NodeFolder): readonly (string | undefined)[] => [
  node.read('etc/hostname'),
  node.read('etc/kubernetes/pki/ca.crt'),
  node.read('etc/kubernetes/bootstrap-kubelet.conf'),
  ...node.sent,
];
const NOTHING = [undefined, undefined, undefined];
const PUBLIC_RBAC = '/apis/rbac.authorization.k8s.io/v1/namespaces/kube-public';

describe.skipIf(why !== undefined)('joining a real API server', () => {
  let plane: ControlPlane;

  beforeAll(async () => {
    plane = await ControlPlane.start();
    await plane.publishClusterInfo();
    await plane.createToken(TOKEN);
  }, 90_000);

  afterAll(async () => {
    await plane[Symbol.asyncDispose]();
  });

  const wrongPin = `sha256:${'0'.repeat(64)}`;
  const good = (): string => clusterDocument(plane.endpoint, { pins: [pin(plane.ca)] });

  describe.each(RUNTIMES)('under %s', (runtime, program) => {
    // The API server accepts a deleted token for some seconds, so no token is used twice.
    const unused = (letter: string): string =>
      `${letter}${runtime.padEnd(5, '0')}.0123456789abcdef`;

    it('token and CA hash write everything and send one byte', async () => {
      await using node = await NodeFolder.make();
      node.seed(good());
      node.lease();
      await using agent = new AgentProcess({ program, node, verb: 'join' });
      expect([await agent.exit, agent.errors]).toEqual([0, '']);
      expect(node.sent).toEqual(['03']);
      expect(node.read('etc/kubernetes/pki/ca.crt')).toBe(plane.ca);
      expect(node.read('etc/hostname')).toBe('node-1\n');
      expect(node.read('etc/kubernetes/node-ip')).toBe('10.0.2.15\n');
      expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toContain(TOKEN);
      expect(JSON.stringify(agent.lines)).not.toContain(TOKEN.slice(7));
    });

    it('token and CA bundle verify the server and the token', async () => {
      await using node = await NodeFolder.make();
      node.seed(clusterDocument(plane.endpoint, { ca: plane.ca }));
      node.lease();
      await using agent = new AgentProcess({ program, node, verb: 'join' });
      expect([await agent.exit, agent.errors]).toEqual([0, '']);
      expect(agent.lines).toContainEqual(expect.objectContaining({ ev: 'cluster.verified' }));
      expect(node.sent).toEqual(['03']);
    });

    it('a wrong CA hash writes nothing, and the node joins when the seed is corrected', async () => {
      await using node = await NodeFolder.make();
      node.seed(clusterDocument(plane.endpoint, { pins: [wrongPin] }));
      node.lease();
      await using agent = new AgentProcess({ program, node, verb: 'watch' });
      const line = await agent.expect('cluster.untrusted');
      expect(line).toMatchObject({ lvl: 'error', err: { code: 'KIOS_BOOTSTRAP_UNTRUSTED' } });
      expect(leftovers(node)).toEqual(NOTHING);
      node.seed(good());
      node.lease('10.0.2.16/24'); // Any change wakes the agent; else it looks again after its pause.
      await agent.expect('restart.sent');
      expect(node.sent).toEqual(['03']);
    });

    it('a wrong CA bundle writes nothing', async () => {
      await using node = await NodeFolder.make();
      node.seed(clusterDocument(plane.endpoint, { ca: plane.otherCa }));
      node.lease();
      await using agent = new AgentProcess({ program, node, verb: 'watch' });
      await agent.expect('cluster.untrusted');
      expect(leftovers(node)).toEqual(NOTHING);
    });

    it('a certificate for another host writes nothing', async () => {
      await using node = await NodeFolder.make();
      await using server = await plane.serveAt('127.0.0.2');
      node.seed(clusterDocument(server.endpoint, { ca: plane.ca }));
      node.lease();
      await using agent = new AgentProcess({ program, node, verb: 'watch' });
      const line = await agent.expect('cluster.untrusted');
      expect(JSON.stringify(line)).toMatch(/altname|127\.0\.0\.2/i);
      expect(leftovers(node)).toEqual(NOTHING);
    });

    it('a server that never answers is unreachable, and the token is not sent', async () => {
      await using node = await NodeFolder.make();
      node.seed(clusterDocument('https://127.0.0.3:1', { pins: [pin(plane.ca)] }));
      node.lease();
      await using agent = new AgentProcess({ program, node, verb: 'watch' });
      const line = await agent.expect('cluster.unreachable');
      expect(line).toMatchObject({ err: { code: 'KIOS_BOOTSTRAP_UNREACHABLE' } });
      expect(leftovers(node)).toEqual(NOTHING);
    });

    it('a name that only /etc/hosts knows is resolved, and checked against the certificate', async () => {
      await using node = await NodeFolder.make();
      node.seed(clusterDocument(`https://localhost:${plane.port}`, { ca: plane.ca }));
      node.lease();
      await using agent = new AgentProcess({ program, node, verb: 'watch' });
      await agent.expect('cluster.verified');
      expect(await agent.expect('restart.sent')).toMatchObject({ why: 'files changed' });
    });

    it('a wrong secret does not match the signature, and nothing is written', async () => {
      await using node = await NodeFolder.make();
      const document = { pins: [pin(plane.ca)] };
      node.seed(clusterDocument(plane.endpoint, document, 'abcdef.ffffffffffffffff'));
      node.lease();
      await using agent = new AgentProcess({ program, node, verb: 'watch' });
      await agent.expect('cluster.untrusted');
      expect(leftovers(node)).toEqual(NOTHING);
    });

    it('an unknown token with a CA bundle is refused by the server, and works once it exists', async () => {
      const token = unused('a');
      await using node = await NodeFolder.make();
      node.seed(clusterDocument(plane.endpoint, { ca: plane.ca }, token));
      node.lease();
      await using agent = new AgentProcess({ program, node, verb: 'watch' });
      const line = await agent.expect('cluster.token_rejected');
      expect(line).toMatchObject({ err: { code: 'KIOS_BOOTSTRAP_TOKEN' } });
      expect(leftovers(node)).toEqual(NOTHING);
      await plane.createToken(token);
      try {
        await delay(1500); // The API server's token informer sees the secret.
        node.lease('10.0.2.17/24');
        await agent.expect('restart.sent');
      } finally {
        await plane.deleteToken(token);
      }
    });

    it('waits for a signature that is added later', async () => {
      const token = unused('b');
      await using node = await NodeFolder.make();
      node.seed(clusterDocument(plane.endpoint, { pins: [pin(plane.ca)] }, token));
      node.lease();
      await using agent = new AgentProcess({ program, node, verb: 'watch' });
      await agent.expect('cluster.token_unknown');
      expect(leftovers(node)).toEqual(NOTHING);
      await plane.createToken(token);
      try {
        await agent.expect('restart.sent');
        expect(node.sent).toEqual(['03']);
      } finally {
        await plane.deleteToken(token);
      }
    });

    it('of two tokens in a pasted line one vouches for the cluster, and the other authenticates', async () => {
      const [signing, entering] = [unused('y'), unused('z')];
      await plane.createToken(signing, undefined, ['signing']);
      await plane.createToken(entering, undefined, ['authentication']);
      try {
        await delay(1500); // The API server's token informer sees the secrets.
        await using node = await NodeFolder.make();
        const tokens = `--discovery-token ${signing} --tls-bootstrap-token ${entering}`;
        const server = plane.endpoint.replace('https://', '');
        const hash = `--discovery-token-ca-cert-hash ${pin(plane.ca)}`;
        node.seed(`root@cp1:~# kubeadm join ${server} ${tokens} \\  \n>  ${hash} -v 8 # worker\n`);
        node.lease();
        await using agent = new AgentProcess({ program, node, verb: 'watch' });
        await agent.expect('restart.sent');
        const kubeconfig = node.read('etc/kubernetes/bootstrap-kubelet.conf');
        expect(kubeconfig).toContain(`token: ${entering}`);
        expect(kubeconfig).not.toContain(signing);
        expect(JSON.stringify(agent.lines)).not.toContain(entering.slice(7));
      } finally {
        await plane.deleteToken(signing);
        await plane.deleteToken(entering);
      }
    });

    it('calls a token that is gone expired, and says which one', async () => {
      const token = unused('c');
      await using node = await NodeFolder.make();
      node.seed(clusterDocument(plane.endpoint, { pins: [pin(plane.ca)] }, token));
      node.lease();
      await using agent = new AgentProcess({ program, node, verb: 'watch' });
      const line = await agent.expect('cluster.token_unknown');
      expect(line).toMatchObject({
        err: {
          code: 'KIOS_BOOTSTRAP_UNSIGNED',
          message: expect.stringMatching(
            new RegExp(`token ${token.slice(0, 6)} has expired.*signed by .*abcdef`),
          ) as unknown,
          remedy: expect.stringMatching(/kubeadm token create/) as unknown,
        },
      });
    });

    it('names who signed a certificate that it does not trust', async () => {
      await using node = await NodeFolder.make();
      node.seed(clusterDocument(plane.endpoint, { ca: plane.otherCa }));
      node.lease();
      await using agent = new AgentProcess({ program, node, verb: 'watch' });
      const line = await agent.expect('cluster.untrusted');
      expect(line).toMatchObject({
        err: {
          message: expect.stringMatching(
            /nobody who is trusted.*kube-apiserver, signed by /,
          ) as unknown,
          remedy: expect.stringMatching(/load balancer/) as unknown,
        },
      });
    });

    it('says that an API server shows cluster-info to nobody, and joins when it does', async () => {
      await using node = await NodeFolder.make();
      node.seed(good());
      node.lease();
      await plane.call('DELETE', `${PUBLIC_RBAC}/rolebindings/info`);
      await using agent = new AgentProcess({ program, node, verb: 'watch' });
      try {
        const line = await agent.expect('cluster.info');
        expect(line).toMatchObject({
          err: {
            code: 'KIOS_BOOTSTRAP_CLUSTER_INFO',
            message: expect.stringMatching(/may not read it \(403\)/) as unknown,
          },
        });
        expect(leftovers(node)).toEqual(NOTHING);
      } finally {
        await plane.publishClusterInfo();
      }
      await agent.expect('restart.sent');
    });

    it('says that an API server takes no anonymous requests, and joins with its CA', async () => {
      await using node = await NodeFolder.make();
      node.seed(good());
      node.lease();
      await plane.stopServer();
      await plane.startServer({ 'anonymous-auth': 'false' });
      try {
        await using agent = new AgentProcess({ program, node, verb: 'watch' });
        const line = await agent.expect('cluster.info');
        expect(line).toMatchObject({
          err: {
            message: expect.stringMatching(/no anonymous requests \(401\)/) as unknown,
            remedy: expect.stringMatching(/caBundle/) as unknown,
          },
        });
        node.seed(clusterDocument(plane.endpoint, { ca: plane.ca }));
        node.lease('10.0.2.18/24');
        await agent.expect('restart.sent');
      } finally {
        await plane.stopServer();
        await plane.startServer();
      }
    });

    it('a second run writes nothing, sends no byte and uses no network', async () => {
      await using node = await NodeFolder.make();
      node.seed(good());
      node.lease();
      await using first = new AgentProcess({ program, node, verb: 'join' });
      expect(await first.exit).toBe(0);
      node.startKubelet('cluster');
      const before = node.read('var/lib/kios/bootstrap/state.json');
      await using second = new AgentProcess({ program, node, verb: 'join' });
      expect(await second.exit).toBe(0);
      expect(second.lines.map(({ ev }) => ev)).toEqual(['start', 'certificate.wait']);
      expect(node.read('var/lib/kios/bootstrap/state.json')).toBe(before);
      expect(node.sent).toEqual(['03']);
    });

    it('waits for a lease before it asks any service', async () => {
      await using node = await NodeFolder.make();
      node.seed(good());
      await using agent = new AgentProcess({ program, node, verb: 'watch' });
      await agent.expect('lease.wait');
      node.lease();
      expect(await agent.expect('restart.sent')).toMatchObject({ why: 'files changed' });
    });
  });
});
