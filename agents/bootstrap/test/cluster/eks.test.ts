import { chmodSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { requireRoot } from '@kios/testkit';
import { CONTROL_PLANE, ControlPlane, missing, NODE } from '@kios/testkit/control-plane';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { Worker } from '../support/worker.ts';

const why = missing([...CONTROL_PLANE, ...NODE]);
if (why !== undefined) process.stderr.write(`skipped: ${why}\n`);

const INSTANCE = 'i-0123456789abcdef0';
const CREDENTIAL = '/var/lib/kios/credential.json';
const vector = path.join(import.meta.dirname, '../vectors/documents/karpenter-quoted-labels.txt');

/** Returns Karpenter's user data for this cluster, with the gate by which EKS knows nodes by their instances. */
const userData = (plane: ControlPlane): string =>
  readFileSync(vector, 'utf8')
    .replace(/apiServerEndpoint: .*/, `apiServerEndpoint: ${plane.endpoint}`)
    .replace(/certificateAuthority: .*/, `certificateAuthority: ${btoa(plane.ca)}`)
    .replace('  containerd: {}', '  containerd: {}\n  featureGates: {InstanceIdNodeName: true}');

/** Puts a program beside the agent that stands for aws-iam-authenticator, as an image with it has. */
function installAuthenticator({ node }: Worker, plane: ControlPlane): void {
  const { cert, key } = plane.clientCertificate(`/O=system:nodes/CN=system:node:${INSTANCE}`);
  const credential = {
    apiVersion: 'client.authentication.k8s.io/v1beta1',
    kind: 'ExecCredential',
    status: { clientCertificateData: cert, clientKeyData: key },
  };
  node.write(CREDENTIAL.slice(1), JSON.stringify(credential));
  const program = 'plugins/aws-iam-authenticator';
  // It answers only when it is asked as EKS' own nodes ask it.
  node.write(program, `#!/bin/sh\n[ "$*" = "token -i shop" ] && exec cat ${CREDENTIAL}\n`);
  chmodSync(path.join(node.root, program), 0o755);
}

describe.skipIf(why !== undefined)("Karpenter's user data", { timeout: 240_000 }, () => {
  let plane: ControlPlane;

  beforeEach(requireRoot);

  beforeAll(async () => {
    plane = await ControlPlane.start();
    await plane.letNodesJoin();
  }, 90_000);

  afterAll(async () => {
    await plane[Symbol.asyncDispose]();
  });

  it('joins the real kubelet, with its taints and pods, under the name of the instance', async () => {
    await using worker = await Worker.start();
    installAuthenticator(worker, plane);
    worker.node.seed(userData(plane), `instance-id: ${INSTANCE}\nlocal-hostname: ip-10-0-2-15\n`);
    worker.node.lease();
    await using agent = worker.agent();
    await agent.expect('restart.sent', 60);
    const at = `/api/v1/nodes/${INSTANCE}`;
    const deadline = Date.now() + 90_000;
    let node = '';
    while (!node.includes('"kind":"Node"') || !/"pods":"\d/.test(node)) {
      if (Date.now() > deadline) throw new Error(`no node: ${worker.log('kubelet').slice(-2000)}`);
      await delay(200);
      const { body } = await plane.ask('GET', at).catch(() => ({ body: '' }));
      node = body.replaceAll(/\s/g, '');
    }
    expect(node).toContain('"pods":"29"');
    expect(node).toMatch(/"key":"karpenter\.sh\/unregistered"[^}]*"effect":"NoExecute"/);
    expect(worker.node.read('etc/kubernetes/node-labels')).toContain(
      'karpenter.sh/nodepool: general\n',
    );
    expect(worker.node.read('etc/hostname')).toBe(`${INSTANCE}\n`);
  });
});
