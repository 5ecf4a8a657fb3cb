import { mkdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type PeerCertificate, type SecureVersion } from 'node:tls';

import { requireRoot } from '@kios/testkit';
import { CONTROL_PLANE, ControlPlane, makeCa, missing, NODE } from '@kios/testkit/control-plane';
import { beforeEach, expect, it } from 'vitest';

import { clusterDocument, TOKEN } from '../support/node-folder.ts';
import { Worker } from '../support/worker.ts';

const why = missing([...CONTROL_PLANE, ...NODE]);
if (why !== undefined) process.stderr.write(`skipped: ${why}\n`);

beforeEach(requireRoot);

/** Returns the certificate that kubelet serves; rejects when it does not speak the version. */
async function servedAt(port: number, version: SecureVersion): Promise<PeerCertificate> {
  const options = { minVersion: version, maxVersion: version, rejectUnauthorized: false };
  const { promise, resolve, reject } = Promise.withResolvers<PeerCertificate>();
  const socket = connect({ ...options, host: '127.0.0.1', port }, () =>
    resolve(socket.getPeerCertificate()),
  );
  socket.on('error', reject);
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

it.skipIf(why !== undefined)(
  'kubelet speaks TLS 1.3 only, and reads its certificate again when init has renewed it',
  { timeout: 240_000 },
  async () => {
    await using plane = await ControlPlane.start();
    await plane.publishClusterInfo();
    await plane.letNodesJoin();
    await plane.createToken(TOKEN);
    await using worker = await Worker.start();
    worker.node.seed(clusterDocument(plane.endpoint, { ca: plane.ca }));
    worker.node.lease();
    await using agent = worker.agent();
    await agent.expect('node.ready', 180);

    const { fingerprint } = await servedAt(worker.kubeletPort, 'TLSv1.3');
    await expect(servedAt(worker.kubeletPort, 'TLSv1.2')).rejects.toThrow('protocol version');
    // In init's order: between the two renames the pair does not match, and kubelet keeps the former one.
    const at = (name: string): string => path.join(worker.node.root, name);
    mkdirSync(at('renewed'));
    makeCa(at('renewed'), 'kubelet');
    const replace = (name: string): void =>
      renameSync(at(`renewed/${name}`), at(`etc/kubernetes/pki/${name}`));
    replace('kubelet.key');
    await delay(500);
    expect((await servedAt(worker.kubeletPort, 'TLSv1.3')).fingerprint).toBe(fingerprint);
    replace('kubelet.crt');
    const deadline = Date.now() + 120_000;
    while ((await servedAt(worker.kubeletPort, 'TLSv1.3')).fingerprint === fingerprint) {
      if (Date.now() > deadline) throw new Error('kubelet still serves the former certificate');
      await delay(200);
    }
    expect(worker.starts).toEqual(['standalone', 'cluster']);
  },
);
