import type { IncomingMessage, ServerResponse } from 'node:http';

import { writeKubeconfig } from '../kubeconfig.ts';
import { serveHttp, type HttpServer } from '../serve-http.ts';
import { SECRET_LINES, SECRETS } from './secrets.ts';

export const NODE = 'node-1';
const PROXY = `/api/v1/nodes/${NODE}/proxy`;

const mirror = { 'kubernetes.io/config.mirror': 'x' };
const metadata = {
  managedFields: [{ x: SECRETS.applied }],
  annotations: {
    'kubectl.kubernetes.io/last-applied-configuration': SECRETS.applied,
    'example/api-key': SECRETS.annotation,
  },
};

const OWN_POD = {
  metadata: { ...metadata, annotations: { ...metadata.annotations, ...mirror }, namespace: 'kube-system', name: 'dhcp-node-1' },
  spec: {
    containers: [
      { name: 'dhcp', args: ['run', `--token=${SECRETS.flag}`, '--password', SECRETS.nextWord], env: [{ name: 'X', value: SECRETS.environment }] },
    ],
  },
  status: {
    phase: 'Running',
    initContainerStatuses: [{ name: 'acquire', ready: true, restartCount: 0, state: { terminated: { reason: 'Completed' } } }],
    containerStatuses: [{ name: 'dhcp', ready: true, restartCount: 1, state: { running: {} }, lastState: { terminated: { reason: 'Error', exitCode: 1, finishedAt: '2026-11-29T11:00:00Z', message: SECRET_LINES.join('\n') } } }],
  },
}; // prettier-ignore

const USERS_POD = {
  metadata: { namespace: 'shop', name: 'db', annotations: { x: SECRETS.users } },
  spec: { containers: [{ name: 'db', command: [SECRETS.users] }] },
  status: { phase: 'Running', message: SECRETS.users, containerStatuses: null },
};

const PODS = { items: [OWN_POD, USERS_POD] };

const listing = (...names: readonly string[]): string =>
  names.map((name) => `<a href="${name}">${name}</a>`).join('\n');

const LOG = `${SECRET_LINES.join('\n')}\nthe last line\n`;

/** Replies of a cluster with a node that is well, by path without a query. Each has a secret where one may be. */
export function replies(): Map<string, unknown> {
  const text = JSON.stringify(SECRET_LINES);
  return new Map<string, unknown>([
    ['/version', { gitVersion: 'v1.36.3' }],
    [
      `/api/v1/nodes/${NODE}`,
      {
        metadata: { ...metadata, name: NODE },
        spec: {},
        status: {
          conditions: [
            { type: 'Ready', status: 'True', message: text },
            { type: 'KiosNetwork', status: 'True', reason: 'NoFault' },
          ],
          nodeInfo: { kubeletVersion: 'v1.36.3' },
        },
      },
    ],
    [
      `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${NODE}`,
      // As old as its reply, however long the command takes to start.
      { spec: { get renewTime() { return new Date().toISOString(); } } }, // prettier-ignore
    ],
    ['/api/v1/events', { items: [{ type: 'Warning', reason: 'X', message: text, involvedObject: { kind: 'Node', name: NODE } }] }], // prettier-ignore
    ['/api/v1/namespaces/kube-system/events', { items: null }],
    ['/api/v1/pods', PODS],
    [
      '/apis/certificates.k8s.io/v1/certificatesigningrequests',
      {
        items: [
          { metadata: { name: 'csr-1' }, spec: { username: `system:node:${NODE}`, request: SECRETS.request }, status: { certificate: SECRETS.request, conditions: [{ type: 'Approved' }] } },
        ],
      },
    ], // prettier-ignore
    [`${PROXY}/healthz`, 'ok'],
    [`${PROXY}/configz`, { kubeletconfig: { staticPodURLHeader: { Cookie: [SECRETS.header] }, clusterDNS: ['10.96.0.10'], registryToken: SECRETS.flag } }], // prettier-ignore
    [`${PROXY}/pods`, PODS],
    [`${PROXY}/stats/summary`, { node: { nodeName: NODE }, pods: [{ x: SECRETS.users }] }],
    [`${PROXY}/metrics`, `kubelet_node_name{node="${NODE}"} 1\n`],
    [`${PROXY}/metrics/resource`, 'node_cpu_usage_seconds_total 1\n'],
    [`${PROXY}/logs/kios/`, listing('boots/', 'init.log', 'kubelet.log', 'state.json')],
    [`${PROXY}/logs/kios/boots/`, listing('000001/', '000004/', '000005/', '000006/')],
    // The last that did not end in order, two later ones, and the copy of this one.
    [`${PROXY}/logs/kios/boots/000001/`, listing('init.log', 'boot.json')],
    [`${PROXY}/logs/kios/boots/000004/`, listing('boot.json')],
    [`${PROXY}/logs/kios/boots/000005/`, listing('init.log', 'boot.json')],
    [`${PROXY}/logs/kios/boots/000006/`, listing('boot.json')],
    [`${PROXY}/logs/kios/boots/000001/boot.json`, { v: 1 }],
    [`${PROXY}/logs/kios/boots/000001/init.log`, LOG],
    [`${PROXY}/logs/kios/boots/000004/boot.json`, { v: 1, end: 'reboot' }],
    [`${PROXY}/logs/kios/boots/000005/boot.json`, { v: 1, end: 'reboot' }],
    [`${PROXY}/logs/kios/boots/000005/init.log`, LOG],
    [`${PROXY}/logs/kios/boots/000006/boot.json`, { v: 1 }],
    [`${PROXY}/logs/kios/init.log`, LOG],
    [`${PROXY}/logs/kios/kubelet.log`, LOG],
    [
      `${PROXY}/logs/kios/state.json`,
      { v: 1, up: 100, addresses: ['192.0.2.7'], programs: [], last: [{ code: 'KIOS_X', cause: SECRET_LINES[0], by: 'init' }], clock: { sane: true, synced: true, source: '192.0.2.1' }, mounts: [{ options: `password=${SECRETS.yaml}` }], loadedModules: ['ext4'] },
    ], // prettier-ignore
    ['/api/v1/namespaces/kube-system/pods/dhcp-node-1/log', LOG],
  ]);
}

/** A stand-in for an API server that knows nothing but these replies, and what was asked of it. */
export interface FakeCluster extends AsyncDisposable {
  readonly kubeconfig: string;
  readonly asked: { readonly method: string; readonly url: string }[];
}

export type Reply = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Serves `known`; `first` may reply in its place, and then returns true. */
export async function fakeCluster(
  folder: string,
  known: ReadonlyMap<string, unknown>,
  first: Reply = () => false,
): Promise<FakeCluster> {
  const asked: { method: string; url: string }[] = [];
  const server: HttpServer = await serveHttp((request, response) => {
    const { url = '', method = '' } = request;
    asked.push({ method, url });
    if (first(request, response)) return;
    const reply = known.get(url.split('?')[0] ?? '');
    if (reply === undefined) response.writeHead(404).end('{"kind":"Status","message":"not found"}');
    else response.end(typeof reply === 'string' ? reply : JSON.stringify(reply));
  });
  return {
    kubeconfig: await writeKubeconfig(folder, server.url, { token: SECRETS.webToken }),
    asked,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
