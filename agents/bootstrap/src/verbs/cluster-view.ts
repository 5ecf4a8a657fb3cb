import { randomBytes } from 'node:crypto';
import path from 'node:path';

import { BootState, readStateIfThere } from '@kios/node-state';

import {
  type NodeObject,
  openRequests,
  type Readiness,
  readinessOf,
  type Signer,
} from '../core/cluster/api-objects.ts';
import { formatReport, joinEvent, type Phase, reportPhases } from '../core/cluster/join-report.ts';
import { clusterOfInfo } from '../core/cluster/kubeconfig.ts';
import { parseCertificates } from '../core/cluster/pem.ts';
import { BootstrapError } from '../core/faults/errors.ts';
import type { KubeClient } from '../edge/cluster/kube-client.ts';
import { StatusError } from '../edge/cluster/status-error.ts';
import { checkCertificate } from '../edge/node/certificates.ts';
import { readKubelet } from '../edge/node/host.ts';
import type { JoinContext } from './context.ts';

/** The state of this node's object. `unknown`: the API server was not reached, or does not accept us any more. */
export type NodeView = Readiness | 'absent' | 'unknown';

/** Returns whether the API server was not reached, or refused; any other error is a bug of this agent. */
export const isNoAnswer = (error: unknown): boolean =>
  error instanceof BootstrapError || error instanceof StatusError;

/** A look at this node's object, which is there unless the view is `absent` or `unknown`. */
export interface NodeLook {
  readonly view: NodeView;
  readonly object?: NodeObject;
}

/** Returns the state of the node; kubelet's heartbeats before `since` (milliseconds since 1970) do not count. */
export async function viewNode(
  kube: KubeClient,
  nodeName: string,
  since: number,
): Promise<NodeLook> {
  try {
    const object = await kube.node(nodeName);
    return { view: readinessOf(object, since), object };
  } catch (error) {
    if (error instanceof StatusError && error.status === 404) return { view: 'absent' };
    if (isNoAnswer(error)) return { view: 'unknown' };
    throw error;
  }
}

/** Returns the names of the node's undecided certificate requests; none when the API server does not answer. */
export async function viewRequests(
  kube: KubeClient,
  signer: Signer,
  nodeName: string,
): Promise<readonly string[]> {
  try {
    return openRequests(await kube.requests(signer), signer, nodeName);
  } catch (error) {
    if (isNoAnswer(error)) return [];
    throw error;
  }
}

/** Returns the CA that the cluster publishes now, over a connection verified with the known one. */
export async function viewCa(kube: KubeClient): Promise<readonly string[] | undefined> {
  try {
    const { kubeconfig } = await kube.clusterInfo();
    const found = kubeconfig === undefined ? undefined : clusterOfInfo(kubeconfig);
    const encoded = typeof found === 'object' ? found.ca : undefined;
    const ca = encoded === undefined ? undefined : parseCertificates(encoded);
    for (const certificate of ca ?? []) checkCertificate(certificate);
    return ca;
  } catch {
    // Whatever the fault is, the known CA stays in use.
    return undefined;
  }
}

/** Reports to the log and to the cluster how long each step from the kernel's start to Ready took. */
export async function reportJoin(
  { settings, log, timeline }: JoinContext,
  kube: KubeClient,
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
  try {
    await kube.post(joinEvent(nodeName, message, new Date(), id));
  } catch (err) {
    if (!isNoAnswer(err)) throw err;
    log.info({ ev: 'event.lost', err });
  }
}
