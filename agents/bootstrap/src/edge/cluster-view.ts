import { randomBytes } from 'node:crypto';
import path from 'node:path';

import { BootState, readStateIfThere } from '@kios/node-state';

import { openRequests, type Readiness, readinessOf } from '../core/api-objects.ts';
import { BootstrapError } from '../core/errors.ts';
import { formatReport, joinEvent, type Phase, reportPhases } from '../core/join-report.ts';
import { clusterInfoCa } from '../core/kubeconfig.ts';
import { parseCertificates } from '../core/pem.ts';
import type { JoinContext } from './context.ts';
import { readKubelet } from './host.ts';
import type { Kube } from './kube.ts';
import { CLUSTER_INFO, configMapData } from './verify-cluster.ts';

/** What the API server says of this node's object. `unknown`: it was not reached, or knows us no more. */
export type NodeView = Readiness | 'absent' | 'unknown';

export async function viewNode(kube: Kube, nodeName: string, since: number): Promise<NodeView> {
  try {
    const { status, body } = await kube.get(`/api/v1/nodes/${nodeName}`);
    if (status === 404) return 'absent';
    return (status === 200 ? readinessOf(body, since) : undefined) ?? 'unknown';
  } catch (error) {
    if (error instanceof BootstrapError) return 'unknown';
    throw error;
  }
}

/** The node's undecided requests for one of its certificates; undefined when the API server does not say. */
export async function viewRequests(
  kube: Kube,
  signer: Parameters<typeof openRequests>[1],
  nodeName: string,
): Promise<readonly string[] | undefined> {
  const field = encodeURIComponent(`spec.signerName=kubernetes.io/${signer}`);
  const where = `/apis/certificates.k8s.io/v1/certificatesigningrequests?fieldSelector=${field}`;
  try {
    const { status, body } = await kube.get(where);
    return status === 200 ? openRequests(body, signer, nodeName) : undefined;
  } catch (error) {
    if (error instanceof BootstrapError) return undefined;
    throw error;
  }
}

/** The CA the cluster publishes now, read over a connection that is verified with the one we have. */
export async function viewCa(kube: Kube): Promise<readonly string[] | undefined> {
  try {
    const { status, body } = await kube.get(CLUSTER_INFO);
    const kubeconfig = status === 200 ? configMapData(body)?.['kubeconfig'] : undefined;
    const encoded = kubeconfig === undefined ? undefined : clusterInfoCa(kubeconfig);
    return encoded === undefined ? undefined : parseCertificates(encoded);
  } catch {
    // Whatever is wrong with it, the CA we have goes on.
    return undefined;
  }
}

/** Tells in the log and in the cluster how long the way from power-on to Ready was. */
export async function reportJoin(
  { settings, log, timeline }: JoinContext,
  kube: Kube,
  nodeName: string,
  ready: number,
): Promise<void> {
  const boot = await readStateIfThere(BootState, path.join(settings.run, 'boot.json'));
  const kubelet = await readKubelet(settings);
  const own = new Map(timeline);
  if (kubelet !== undefined) own.set('kubelet in the cluster', kubelet.startedBoot);
  const phases: readonly Phase[] = reportPhases(boot, own);
  log.info({
    ev: 'node.ready',
    msSinceBoot: Math.round(ready * 1000),
    phases: Object.fromEntries(phases.map(({ name, up }) => [name, up])),
    console: true,
  });
  const message = formatReport(phases, ready);
  const id = randomBytes(8).toString('hex');
  const event = joinEvent(nodeName, message, new Date().toISOString(), id);
  try {
    const { status } = await kube.post('/api/v1/namespaces/default/events', event);
    if (status !== 201) log.info({ ev: 'event.refused', status });
  } catch (err) {
    if (!(err instanceof BootstrapError)) throw err;
    log.info({ ev: 'event.lost', err });
  }
}
