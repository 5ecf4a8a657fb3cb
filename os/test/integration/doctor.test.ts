import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { buildUpstream } from '../../src/build/sources/upstream/build.ts';
import { examine } from '../../src/fleet/doctor/doctor.ts';
import { issueAuthority } from '../../src/lab/controlplane/certificates.ts';
import type { ControlPlane } from '../../src/lab/controlplane/controlplane.ts';
import { workstationArch } from '../../src/workstation/arch.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import { NODE, replies } from '../support/doctor/fake-cluster.ts';
import { SECRETS } from '../support/doctor/secrets.ts';

/** `kios doctor` against a real API server, and a stand-in for kubelet behind it. */

vi.setConfig({ testTimeout: 120_000 });

const state = vi.hoisted(() => ({ dir: '' }));
vi.mock(import('../../src/workstation/paths.ts'), async (original) => {
  state.dir = await mkdtemp(path.join(tmpdir(), 'kios-doctor-'));
  return { ...(await original()), stateDir: state.dir };
});
const { purgeControlPlane, startControlPlane } =
  await import('../../src/lab/controlplane/controlplane.ts');

const ADDRESS = '10.0.2.15';
const PROXY = `/api/v1/nodes/${NODE}/proxy`;

let plane: ControlPlane;
let kubectlProgram = '';
let kubelet: Server | undefined;
let seen: string[] = [];

const kubectl = (args: readonly string[], input?: string): Promise<string> =>
  run(
    kubectlProgram,
    ['--kubeconfig', plane.adminKubeconfig, ...args],
    input === undefined ? {} : { input },
  );

const create = (object: unknown): Promise<string> =>
  kubectl(['create', '-f', '-'], JSON.stringify(object));

/** Replies as a kubelet does, to the API server alone. */
async function startKubelet(clusterCa: string): Promise<{ server: Server; port: number }> {
  const own = await issueAuthority('kubelet');
  const known = replies();
  const trust = { ca: clusterCa, requestCert: true, rejectUnauthorized: true };
  const server = createServer(
    { cert: own.certificate, key: own.key, ...trust },
    (request, response) => {
      const [asked = ''] = (request.url ?? '').split('?');
      seen.push(asked);
      const isLog = asked.startsWith('/containerLogs/');
      const reply = isLog ? `the log, and ${SECRETS.webToken}\n` : known.get(`${PROXY}${asked}`);
      if (reply === undefined) response.writeHead(404).end();
      else if (typeof reply === 'string')
        response.writeHead(200, { 'content-type': asked.endsWith('/') ? 'text/html' : 'text/plain' }).end(reply); // prettier-ignore
      else response.end(JSON.stringify(reply));
    },
  );
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

async function createNode(): Promise<void> {
  await create({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: NODE },
    status: {
      addresses: [{ type: 'InternalIP', address: ADDRESS }],
      daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      conditions: [
        { type: 'Ready', status: 'True', reason: 'KubeletReady' },
        { type: 'KiosClock', status: 'False', reason: 'KIOS_FAULT_X', message: 'The clock is off.' },
      ],
      nodeInfo: { kubeletVersion: 'v1.36.3' },
    },
  }); // prettier-ignore
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `dhcp-${NODE}`, namespace: 'kube-system', annotations: { 'kubernetes.io/config.mirror': 'x' } },
    spec: { nodeName: NODE, containers: [{ name: 'run', image: 'none', env: [{ name: 'X', value: SECRETS.environment }] }] },
  }; // prettier-ignore
  // Pods are rejected until the controllers have made the service account of the namespace.
  await vi.waitFor(() => create(pod), { timeout: 30_000, interval: 500 });
  const status = {
    status: { phase: 'Running', containerStatuses: [{ name: 'run', image: 'none', imageID: '', ready: true, restartCount: 0, state: { running: {} } }] },
  }; // prettier-ignore
  const patch = ['patch', 'pod', `dhcp-${NODE}`, '-n', 'kube-system', '--subresource=status'];
  await kubectl([...patch, '--type=merge', '-p', JSON.stringify(status)]);
}

interface Examined {
  readonly wrong: readonly string[];
  readonly printed: string;
  readonly files: ReadonlyMap<string, string>;
}

async function examineNode(kubeconfig: string, node = NODE): Promise<Examined> {
  const folder = await mkdtemp(path.join(tmpdir(), 'kios-bundle-'));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const printed: string[] = [];
  const { file, wrong } = await examine(
    { progress: silent, signal: new AbortController().signal, undo, print: (line) => void printed.push(line) },
    { kubeconfig, node, context: undefined, output: path.join(folder, 'b.tar.gz'), timeout: 10 },
  ); // prettier-ignore
  await run('tar', ['-xzf', file, '-C', folder, '--strip-components=1']);
  const names = (await run('tar', ['-tzf', file])).split('\n').filter((name) => /[^/]$/.test(name));
  const files = new Map<string, string>();
  for (const name of names) {
    const inside = name.split('/').slice(1).join('/');
    files.set(inside, await readFile(path.join(folder, inside), 'utf8'));
  }
  return { wrong, printed: printed.join('\n'), files };
}

beforeAll(async () => {
  const built = await buildUpstream(['kubectl'], workstationArch(), silent);
  kubectlProgram = built.get('kubectl')?.path ?? '';
  plane = await startControlPlane({ progress: silent });
  await createNode();
}, 1_800_000);

afterAll(async () => {
  kubelet?.close();
  await purgeControlPlane();
  await rm(state.dir, { recursive: true, force: true });
}, 60_000);

it('a node whose kubelet is not reached is told as such, and the rest is there', async () => {
  const { wrong, files } = await examineNode(plane.adminKubeconfig);
  expect(wrong.join('\n')).toContain('KiosClock is False (KIOS_FAULT_X): The clock is off.');
  expect(wrong.join('\n')).toContain('The API server does not reach kubelet');
  expect(files.get('api/node.json')).toContain('KIOS_FAULT_X');
  expect(files.get('parts.json')).toContain('"outcome": "not asked"');
});

it('everything comes through the API server, without secrets', async () => {
  const started = await startKubelet(plane.caPem);
  kubelet = started.server;
  await plane.setNodeForward(ADDRESS, started.port);
  seen = [];
  const { wrong, files, printed } = await examineNode(plane.adminKubeconfig);
  // The one condition, and what the controllers say of a node that renews no lease.
  expect(wrong.filter((line) => !/KiosClock|lease|is Unknown/.test(line))).toEqual([]);
  for (const file of [
    'host/init.log',
    'host/kubelet.log',
    'host/state.json',
    'host/boots/000003/init.log',
    'kubelet/configz.json',
    'kubelet/metrics.txt',
    `pods/dhcp-${NODE}/run.log`,
  ])
    expect([...files.keys()]).toContain(file);
  expect(files.get(`pods/dhcp-${NODE}/run.log`)).toContain('the log, and');
  expect(seen).toContain(`/containerLogs/kube-system/dhcp-${NODE}/run`);
  const all = [...files.values(), printed].join('\n');
  const told = Object.entries(SECRETS).filter(([, secret]) => all.includes(secret));
  expect(told.map(([kind]) => kind)).toEqual([]);
});

it('a user who may only look at nodes gets what that user may see', async () => {
  await kubectl(['create', 'serviceaccount', 'looker']);
  await kubectl(['create', 'clusterrole', 'looker', '--verb=get,list', '--resource=nodes']);
  await kubectl(['create', 'clusterrolebinding', 'looker', '--clusterrole=looker', '--serviceaccount=default:looker']); // prettier-ignore
  const token = (await kubectl(['create', 'token', 'looker'])).trim();
  const admin = await readFile(plane.adminKubeconfig, 'utf8');
  const user = path.join(state.dir, 'looker.kubeconfig');
  const set = (...args: readonly string[]): Promise<string> =>
    run(kubectlProgram, ['--kubeconfig', user, 'config', ...args]);
  await writeFile(user, admin, { mode: 0o600 });
  await set('set-credentials', 'looker', `--token=${token}`);
  await set('set-context', '--current', '--user=looker');
  const { files, wrong } = await examineNode(user);
  expect(wrong.join('\n')).toContain('KiosClock is False');
  const parts = files.get('parts.json') ?? '';
  expect(parts).toContain('"outcome": "forbidden"');
  expect(parts).toContain('cannot list resource');
  expect([...files.values()].join('\n')).not.toContain(token);
  // What may not be asked is no sign that kubelet is not reached.
  expect(wrong.join('\n')).not.toContain('does not reach kubelet');
});

it('a node that never joined is named, with its request for a certificate', async () => {
  const { generateKubeletRequest } = await import('../support/kubelet-request.ts');
  await create({
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'csr-of-node-2' },
    spec: {
      request: Buffer.from(await generateKubeletRequest('node-2')).toString('base64'),
      // Nobody but an administrator approves these.
      signerName: 'kubernetes.io/kubelet-serving',
      usages: ['digital signature', 'server auth'],
    },
  });
  const { wrong } = await examineNode(plane.adminKubeconfig, 'node-2');
  expect(wrong[0]).toContain('The cluster has no node node-2');
  expect(wrong[1]).toContain('kubectl certificate approve csr-of-node-2');
});
