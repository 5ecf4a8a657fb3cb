import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createHttpsServer, request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TLSSocket } from 'node:tls';

import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';

import { buildUpstream } from '../../src/build/sources/upstream/build.ts';
import { issueAuthority } from '../../src/lab/controlplane/certificates.ts';
import type { ControlPlane } from '../../src/lab/controlplane/controlplane.ts';
import { workstationArch } from '../../src/workstation/arch.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';

vi.setConfig({ testTimeout: 60_000 });

// Longer than the path of a socket may be: a checkout may lie in a deep folder.
const state = vi.hoisted(() => ({ dir: '' }));
vi.mock(import('../../src/workstation/paths.ts'), async (original) => {
  const root = await mkdtemp(path.join(tmpdir(), 'kios-controlplane-'));
  state.dir = path.join(root, 'deep'.repeat(15), 'deeper'.repeat(10));
  return { ...(await original()), stateDir: state.dir };
});
const {
  controlPlaneProcesses,
  controlPlaneStatus,
  purgeControlPlane,
  startControlPlane,
  stopControlPlane,
} = await import('../../src/lab/controlplane/controlplane.ts');

const CLUSTER_INFO = '/api/v1/namespaces/kube-public/configmaps/cluster-info';
const ClusterInfo = v.object({ data: v.record(v.string(), v.string()) });
const Kubeconfig = v.object({
  clusters: v.array(
    v.object({
      cluster: v.object({ server: v.string(), 'certificate-authority-data': v.string() }),
    }),
  ),
});

let plane: ControlPlane;
let kubectlProgram = '';

const kubectl = (...args: string[]): Promise<string> =>
  run(kubectlProgram, ['--kubeconfig', plane.adminKubeconfig, ...args]);

const create = (object: unknown): Promise<string> =>
  run(kubectlProgram, ['--kubeconfig', plane.adminKubeconfig, 'create', '-f', '-'], {
    input: JSON.stringify(object),
  });

/** Sends a request to the API server with a token or without credentials, trusting only the CA. */
function ask(url: string, token?: string): Promise<{ status: number; text: string }> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: plane.apiPort, path: url, ca: plane.caPem, headers };
    request(options, (reply) => {
      const chunks: Buffer[] = [];
      reply.on('data', (chunk: Buffer) => chunks.push(chunk));
      reply.on('end', () =>
        resolve({ status: reply.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      );
    })
      .on('error', reject)
      .end();
  });
}

async function clusterInfo(): Promise<Record<string, string>> {
  const { text } = await ask(CLUSTER_INFO);
  return v.parse(ClusterInfo, JSON.parse(text)).data;
}

const pids = async (): Promise<string> => JSON.stringify([...(await controlPlaneProcesses())]);

beforeAll(async () => {
  const built = await buildUpstream(['kubectl'], workstationArch(), silent);
  kubectlProgram = built.get('kubectl')?.path ?? '';
  plane = await startControlPlane({ progress: silent });
}, 1_800_000);

afterAll(async () => {
  await purgeControlPlane();
  await rm(path.resolve(state.dir, '../..'), { recursive: true, force: true });
}, 60_000);

describe('a running control plane', () => {
  it('runs every process, and its version is that of kubectl', async () => {
    expect(await controlPlaneStatus()).toBe('running');
    const versions = await kubectl('version');
    const [client, server] = [...versions.matchAll(/(?:Client|Server) Version: (\S+)/gu)];
    expect(server?.[1]).toMatch(/^v1\.\d+\.\d+$/u);
    expect(client?.[1]).toBe(server?.[1]);
  });

  it('has a certificate for the address that the guest uses', async () => {
    const text = await readFile(path.join(state.dir, 'controlplane/pki/apiserver.crt'), 'utf8');
    const certificate = new X509Certificate(text);
    expect(certificate.checkIP('10.0.2.2')).toBe('10.0.2.2');
    expect(plane.endpointForGuest).toBe(`https://10.0.2.2:${plane.apiPort}`);
  });

  it('gives anonymous clients what they need to join, signed by the token, and nothing else', async () => {
    const token = await plane.createBootstrapToken();
    const [id = ''] = token.split('.');
    await vi.waitFor(
      async () => expect(await clusterInfo()).toHaveProperty(`jws-kubeconfig-${id}`),
      30_000,
    );
    const { kubeconfig = '' } = await clusterInfo();
    const [entry] = v.parse(Kubeconfig, parse(kubeconfig)).clusters;
    expect(entry?.cluster.server).toBe(plane.endpointForGuest);
    const ca = Buffer.from(entry?.cluster['certificate-authority-data'] ?? '', 'base64');
    expect(ca.toString()).toBe(plane.caPem);
    for (const url of ['/api/v1/nodes', '/version', '/api/v1/namespaces/kube-public/configmaps'])
      expect((await ask(url)).status).toBe(401);
  });

  it('lets a token request a certificate and nothing else', async () => {
    const token = await plane.createBootstrapToken();
    const csrs = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
    await vi.waitFor(async () => expect((await ask(csrs, token)).status).not.toBe(401), 10_000);
    const review = await kubectl(
      'auth',
      'can-i',
      '--list',
      '--as=system:bootstrap:x',
      '--as-group=system:bootstrappers:kubeadm:default-node-token',
    );
    expect(review).toMatch(/certificatesigningrequests\.certificates\.k8s\.io .*create/u);
    expect((await ask('/api/v1/secrets', token)).status).toBe(403);
    expect((await ask('/api/v1/nodes', 'abcdef.0123456789abcdef')).status).toBe(401);
  });

  it('issues a node certificate for a token', async () => {
    const { issued, groups } = await joinAs('integration');
    expect(groups).toContain('system:nodes');
    expect(issued.checkIssued(new X509Certificate(plane.caPem))).toBe(true);
  });

  it('keeps its processes when started again', async () => {
    const before = await pids();
    await startControlPlane({ progress: silent });
    expect(await pids()).toBe(before);
  });
});

/** Requests a kubelet's client certificate with a new token and waits until it is issued. */
async function joinAs(name: string) {
  const token = await plane.createBootstrapToken();
  const { generateKubeletRequest } = await import('../support/kubelet-request.ts');
  const manifest = {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name },
    spec: {
      request: Buffer.from(await generateKubeletRequest(name)).toString('base64'),
      signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
      usages: ['digital signature', 'client auth'],
    },
  };
  const ca = path.join(state.dir, 'controlplane/pki/ca.crt');
  const server = `https://127.0.0.1:${plane.apiPort}`;
  await vi.waitFor(
    () =>
      run(
        kubectlProgram,
        [
          `--server=${server}`,
          `--certificate-authority=${ca}`,
          `--token=${token}`,
          'create',
          '-f',
          '-',
        ],
        { input: JSON.stringify(manifest), env: { KUBECONFIG: '/dev/null' } },
      ),
    10_000,
  );
  const pem = await vi.waitFor(async () => {
    const encoded = await kubectl('get', 'csr', name, '-o', 'jsonpath={.status.certificate}');
    expect(encoded).not.toBe('');
    return Buffer.from(encoded, 'base64').toString();
  }, 30_000);
  const issued = new X509Certificate(pem);
  return { issued, groups: issued.subject };
}

describe('the connection to a kubelet', () => {
  const close: (() => unknown)[] = [];
  afterAll(() => {
    for (const one of close) one();
  });

  it('goes to the forwarded port of the node, with a client certificate that kubelet can verify', async () => {
    const kubelet = await listenAsKubelet(plane.caPem);
    close.push(() => kubelet.server.close());
    await createNodeWithPod('10.0.2.15');
    await expect(kubectl('logs', 'talker')).rejects.toThrow(/10\.0\.2\.15:10250/u);
    await plane.setNodeForward('10.0.2.15', kubelet.port);
    expect(await kubectl('logs', 'talker')).toBe('line of the container');
    expect(kubelet.seen()).toEqual([
      'kube-apiserver-kubelet-client /containerLogs/default/talker/main',
    ]);
  });
});

/** Starts a stand-in for kubelet: its own certificate, only clients with a certificate of the cluster, one reply. */
async function listenAsKubelet(clusterCa: string) {
  const own = await issueAuthority('kubelet');
  const seen: string[] = [];
  const server = createHttpsServer(
    {
      cert: own.certificate,
      key: own.key,
      ca: clusterCa,
      requestCert: true,
      rejectUnauthorized: true,
    },
    (incoming, reply) => {
      const { socket, url = '' } = incoming;
      const client = socket instanceof TLSSocket ? socket.getPeerCertificate().subject.CN : '';
      seen.push(`${String(client)} ${url.split('?')[0] ?? ''}`);
      reply.end('line of the container');
    },
  );
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { server, port, seen: () => seen };
}

async function createNodeWithPod(ip: string): Promise<void> {
  const node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'stand-in' },
    status: {
      addresses: [{ type: 'InternalIP', address: ip }],
      daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
    },
  };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'talker' },
    spec: { nodeName: 'stand-in', containers: [{ name: 'main', image: 'none' }] },
  };
  await create(node);
  // Pods are rejected until the controllers have made the service account of the namespace.
  await vi.waitFor(() => create(pod), { timeout: 30_000, interval: 500 });
}

describe('a control plane after a fault or a stop', () => {
  it('is broken after a process is killed, and running again after a start', async () => {
    const scheduler = (await controlPlaneProcesses()).get('kube-scheduler');
    process.kill(scheduler?.state === 'running' ? scheduler.pid : 0, 'SIGKILL');
    await vi.waitFor(async () => expect(await controlPlaneStatus()).toBe('broken'));
    await startControlPlane({ progress: silent });
    expect(await controlPlaneStatus()).toBe('running');
  });

  it('keeps address, authority and objects after a stop', async () => {
    await kubectl('create', 'namespace', 'kept');
    const { apiPort, caCertHash } = plane;
    await stopControlPlane();
    await stopControlPlane();
    expect(await controlPlaneStatus()).toBe('stopped');
    plane = await startControlPlane({ progress: silent });
    expect({ apiPort: plane.apiPort, caCertHash: plane.caCertHash }).toEqual({
      apiPort,
      caCertHash,
    });
    expect(await kubectl('get', 'namespace', 'kept', '-o', 'name')).toContain('namespace/kept');
  });

  it('reports a taken port in one error', async () => {
    await stopControlPlane();
    const thief = createServer();
    await new Promise<void>((done) => void thief.listen(plane.apiPort, '127.0.0.1', done));
    try {
      await expect(startControlPlane({ progress: silent })).rejects.toMatchObject({
        code: 'KIOS_CP_PORT',
      });
    } finally {
      thief.close();
    }
  });
});
