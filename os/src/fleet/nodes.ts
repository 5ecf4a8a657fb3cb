import { describe, EXIT, KiosError } from '@kios/errors';
import {
  activeTurn,
  formatNodePatch,
  LEASE_PATH,
  type NodePatch,
  type NodeView,
  nodeView,
  REQUESTS,
  TURN,
} from '@kios/node-turn';
import * as v from 'valibot';

import type { Answer, Cluster } from './cluster.ts';

/** A Node is tens of kilobytes. */
export const MAX_BYTES = 4 * 1024 * 1024;

const pathOf = (name: string): string => `/api/v1/nodes/${encodeURIComponent(name)}`;

/** Puts a reply that is no success into words. */
export function refused(
  what: string,
  { status, body }: Pick<Answer, 'status' | 'body'>,
): KiosError {
  const why = body.replaceAll(/\s+/g, ' ').slice(0, 300);
  return new KiosError('KIOS_FLEET_API', `${what}: the API server replies ${status}: ${why}`, {
    exitCode: [401, 403].includes(status) ? EXIT.permission : EXIT.unavailable,
    remedy: 'Use a kubeconfig that may read and patch nodes.',
  });
}

/**
 * Says whether a failed call may succeed by itself: the API server may be on a node that reboots. One that has just
 * started refuses until it has read who may do what.
 */
export const mayPass = (error: unknown, wasAway: boolean): boolean =>
  error instanceof KiosError &&
  error.code === 'KIOS_FLEET_API' &&
  (wasAway || error.exitCode !== EXIT.permission);

/** Fails when the cluster has no agents, which would leave requests unanswered. */
export async function requireAgents(cluster: Cluster): Promise<void> {
  const reply = await cluster.ask({ path: LEASE_PATH, maxBytes: MAX_BYTES });
  // Who may not read the Lease may all the same place requests.
  if (reply.status === 200 || reply.status === 403) return;
  if (reply.status !== 404) throw refused('look for the agents', reply);
  throw new KiosError('KIOS_TURN_AGENT', 'find the agents: the cluster has no Lease of theirs', {
    exitCode: EXIT.unavailable,
    remedy: 'Install them: kubectl apply -f examples/lifecycle/lifecycle.yaml.',
  });
}

export async function readNode(cluster: Cluster, name: string): Promise<NodeView> {
  const reply = await cluster.ask({ path: pathOf(name), maxBytes: MAX_BYTES });
  if (reply.status === 404)
    throw new KiosError('KIOS_TURN_NODE', `find node ${name}: the cluster has none of that name`, {
      exitCode: EXIT.data,
      remedy: 'See kubectl get nodes.',
    });
  if (reply.status !== 200) throw refused(`read node ${name}`, reply);
  try {
    const object: unknown = JSON.parse(reply.body);
    return nodeView(object);
  } catch (error) {
    throw refused(`read node ${name}`, { ...reply, body: describe(error) });
  }
}

const Page = v.object({
  items: v.nullish(v.array(v.unknown()), []),
  metadata: v.nullish(v.object({ continue: v.nullish(v.string(), '') })),
});

/** A list of which an answer holds a part. */
interface List<T> {
  readonly what: string;
  /** With a query. */
  readonly path: string;
  readonly accept?: string;
  readonly parse: (item: unknown) => T;
}

/** Reads a list part by part, because that of a large fleet is longer than an answer may be. */
export async function readList<T>(
  cluster: Cluster,
  { what, path, accept, parse }: List<T>,
): Promise<readonly T[]> {
  const found: T[] = [];
  let next = '';
  do {
    const from = next === '' ? '' : `&continue=${encodeURIComponent(next)}`;
    const form = accept === undefined ? {} : { accept };
    const reply = await cluster.ask({ path: `${path}${from}`, maxBytes: MAX_BYTES, ...form });
    if (reply.status !== 200) throw refused(what, reply);
    const page = v.safeParse(v.pipe(v.string(), v.parseJson(), Page), reply.body);
    if (!page.success) throw refused(what, reply);
    found.push(...(page.output.items ?? []).map(parse));
    next = page.output.metadata?.continue ?? '';
  } while (next !== '');
  return found;
}

/** Reads the metadata of all nodes, which has their annotations; the rest of them is left out. */
export const readNodes = (cluster: Cluster): Promise<readonly NodeView[]> =>
  readList(cluster, {
    what: 'list the nodes',
    path: '/api/v1/nodes?limit=200',
    accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
    parse: nodeView,
  });

/** Fails when something else is asked of the node, because one request would end the other. */
export function requireIdle({ name, annotations }: NodeView): void {
  const key = Object.values(REQUESTS).find((request) => annotations[request] !== undefined);
  if (key === undefined && activeTurn(annotations[TURN]) === undefined) return;
  throw new KiosError('KIOS_TURN_BUSY', `ask node ${name}: it has another request`, {
    exitCode: EXIT.unavailable,
    remedy: `Wait for it, or take it back with kubectl annotate node ${name} ${key ?? REQUESTS.reboot}- first.`,
  });
}

/** Changes a node that was read before; false when it has changed since. */
export async function patchNode(
  cluster: Cluster,
  name: string,
  patch: NodePatch,
): Promise<boolean> {
  const mergePatch = formatNodePatch(patch);
  const reply = await cluster.ask({ path: pathOf(name), maxBytes: MAX_BYTES, mergePatch });
  if (reply.status === 409) return false;
  if (reply.status !== 200) throw refused(`change node ${name}`, reply);
  return true;
}
