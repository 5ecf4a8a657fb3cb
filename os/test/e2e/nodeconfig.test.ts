import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as v from 'valibot';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { buildImage } from '../../src/build/image/build-image.ts';
import { readChoice } from '../../src/build/manifests/bootstrap-choice.ts';
import { buildEnvironment } from '../../src/build/sources/upstream/build.ts';
import { ensureGo } from '../../src/build/sources/upstream/go-toolchain.ts';
import { type BootedNode, powerOn, waitReady } from '../../src/lab/boot.ts';
import { issueLeaf } from '../../src/lab/controlplane/certificates.ts';
import { type ControlPlane, startControlPlane } from '../../src/lab/controlplane/controlplane.ts';
import { pkiFile } from '../../src/lab/controlplane/pki.ts';
import { down } from '../../src/lab/down.ts';
import { Kubectl } from '../../src/lab/kubectl.ts';
import { labMachine, NODE_ADDRESS } from '../../src/lab/node.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import { distRoot } from '../../src/workstation/paths.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';

const BUILD_AND_BOOT_MS = 70 * 60_000;
const NODE = 'i-0123456789abcdef0';

/** Our own document, encoded as tools that write MIME do. */
const OURS = Buffer.from(
  'apiVersion: kios.dev/v1\nkind: NodeBootstrap\nnode: {labels: {disk: fast}}\n',
);

/** User data as Karpenter writes it: a script of the user's, documents of the user's, and its own. */
const userData = (plane: ControlPlane): string => `MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="//"

--//
Content-Type: text/x-shellscript; charset="us-ascii"

#!/bin/bash
echo hello

--//
Content-Type: application/node.eks.aws

apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  featureGates:
    InstanceIdNodeName: true
  kubelet:
    flags:
    - --node-labels=team=red

--//
Content-Type: application/yaml
Content-Transfer-Encoding: base64

${OURS.toString('base64')}

--//
Content-Type: application/node.eks.aws

# Karpenter Generated NodeConfig
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
metadata: {}
spec:
  cluster:
    apiServerEndpoint: ${plane.endpointForGuest}
    certificateAuthority: ${Buffer.from(plane.caPem).toString('base64')}
    cidr: 10.96.0.0/16
    name: shop
  containerd: {}
  instance:
    localStorage: {}
  kubelet:
    config:
      clusterDNS:
      - 10.96.0.10
      maxPods: 29
      registerWithTaints:
      - effect: NoExecute
        key: karpenter.sh/unregistered
    flags:
    - --node-labels="karpenter.sh/capacity-type=spot,karpenter.sh/nodepool=general"

--//--
`;

const PROGRAM = `package main

import (
	_ "embed"
	"os"
	"slices"
)

//go:embed credential.json
var credential []byte

// It answers only when it is asked as EKS' own nodes ask it.
func main() {
	if !slices.Equal(os.Args[1:], []string{"token", "-i", "shop"}) {
		os.Exit(1)
	}
	os.Stdout.Write(credential)
}
`;

/** Makes a folder of programs whose aws-iam-authenticator has a certificate of this cluster in place of AWS' word. */
async function writePlugins(home: string): Promise<string> {
  const [certificate, key] = await Promise.all([
    readFile(pkiFile('ca', '.crt'), 'utf8'),
    readFile(pkiFile('ca', '.key'), 'utf8'),
  ]);
  const leaf = await issueLeaf(
    { certificate, key },
    { commonName: `system:node:${NODE}`, organization: 'system:nodes', usage: 'client' },
  );
  const source = path.join(home, 'authenticator');
  const folder = path.join(home, 'bootstrap-eks');
  await mkdir(source);
  await mkdir(path.join(folder, 'plugins'), { recursive: true });
  const credential = {
    apiVersion: 'client.authentication.k8s.io/v1beta1',
    kind: 'ExecCredential',
    status: { clientCertificateData: leaf.certificate, clientKeyData: leaf.key },
  };
  await writeFile(path.join(source, 'credential.json'), JSON.stringify(credential));
  await writeFile(path.join(source, 'go.mod'), 'module authenticator\n\ngo 1.24\n');
  await writeFile(path.join(source, 'main.go'), PROGRAM);
  const out = path.join(folder, 'plugins/aws-iam-authenticator');
  await run(await ensureGo(silent), ['build', '-trimpath', '-ldflags=-s -w', '-o', out, '.'], {
    cwd: source,
    env: buildEnvironment('amd64', undefined),
  });
  return folder;
}

const Node = v.object({
  metadata: v.object({ labels: v.record(v.string(), v.string()) }),
  spec: v.object({ taints: v.array(v.object({ key: v.string(), effect: v.string() })) }),
  status: v.object({ capacity: v.object({ pods: v.string() }) }),
});

// A node of an EKS cluster, as Karpenter makes one.
await describeRecorded('nodeconfig', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  let home: string;
  let kubectl: Kubectl;
  let node: BootedNode;

  beforeAll(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'kios-nodeconfig-'));
    await down(silent, { purge: true });
    const plane = await startControlPlane({ progress });
    kubectl = await Kubectl.open(plane.adminKubeconfig);
    const { image } = await buildImage({
      arch: 'amd64',
      progress,
      bootstrap: readChoice(await writePlugins(home)),
      out: path.join(distRoot, 'nodeconfig'),
    });
    const machine = labMachine();
    await machine.create(image);
    node = await powerOn(machine, {
      accelerator: await chooseAccelerator(),
      memoryMiB: 2048,
      cpus: 2,
      workstationPorts: [plane.apiPort],
      seed: {
        'meta-data': `instance-id: ${NODE}\nlocal-hostname: ip-10-0-2-15.eu-central-1.compute.internal\n`,
        'user-data': userData(plane),
      },
    });
    await plane.setNodeForward(NODE_ADDRESS, node.running.kubeletPort);
    await waitReady(node, kubectl, NODE, AbortSignal.timeout(BUILD_AND_BOOT_MS));
  }, BUILD_AND_BOOT_MS);

  afterAll(async () => {
    node?.console[Symbol.dispose]();
    await down(silent, { purge: true });
    await rm(home, { recursive: true, force: true });
  }, 120_000);

  it('joins by all parts, under the name of its instance', { timeout: 120_000 }, async () => {
    const text = await kubectl.call(['get', 'node', NODE, '-o', 'json']);
    const { metadata, spec, status } = v.parse(Node, JSON.parse(text));
    expect(metadata.labels).toMatchObject({
      team: 'red',
      disk: 'fast',
      'karpenter.sh/capacity-type': 'spot',
      'karpenter.sh/nodepool': 'general',
    });
    expect(spec.taints).toContainEqual({ key: 'karpenter.sh/unregistered', effect: 'NoExecute' });
    expect(status.capacity.pods).toBe('29');
  });
});
