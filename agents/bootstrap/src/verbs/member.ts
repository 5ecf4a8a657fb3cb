import { serverOf } from '../core/cluster/kubeconfig.ts';
import type { NodeBootstrap } from '../core/document/schema.ts';
import type { Settings } from '../core/settings/settings.ts';
import { readKubelet } from '../edge/node/host.ts';
import type { Joined } from './join.ts';

/** A node and the cluster it is in, or is about to enter. */
export interface Member {
  readonly endpoint: string;
  readonly ca: readonly string[];
  readonly kubeletConf: string | undefined;
  readonly name: string;
  /** Undefined when no document can be read: the node is still a member. */
  readonly document: NodeBootstrap | undefined;
  /** The bootstrap token. */
  readonly token: string | undefined;
  /** The pins by which the CA was found; undefined when it does not follow the cluster's. */
  readonly pins: readonly string[] | undefined;
}

/** Returns the cluster that kubelet.conf names, for a node without a document that names one. */
function byKubeconfig({
  node: { kubeletConf, ca },
}: Joined): Pick<Member, 'endpoint' | 'ca'> | undefined {
  const endpoint = kubeletConf === undefined ? undefined : serverOf(kubeletConf);
  return endpoint === undefined || ca.length === 0 ? undefined : { endpoint, ca };
}

function byDocument({ input, facts }: Joined): Omit<Member, 'name' | 'kubeletConf'> | undefined {
  const cluster = input?.cluster;
  if (input === undefined || cluster === undefined || facts === undefined) return undefined;
  const { auth, trust, endpoint } = cluster;
  return {
    endpoint,
    ca: facts.ca,
    document: input.document,
    token: auth.kind === 'token' ? `${auth.token.id}.${auth.token.secret}` : undefined,
    pins: trust.bundle.length > 0 ? undefined : trust.pins,
  };
}

const NO_DOCUMENT = { document: undefined, token: undefined, pins: undefined };

/** Returns the node as a member of its cluster; undefined when it has none. */
export async function memberOf(settings: Settings, joined: Joined): Promise<Member | undefined> {
  const { outcome, node, facts } = joined;
  const cluster = byDocument(joined) ?? byKubeconfig(joined);
  // The certificate of a node that waits for another is of its former cluster.
  const identity = outcome === 'joined' ? node.identity : undefined;
  const name = identity ?? facts?.hostname ?? (await readKubelet(settings))?.hostname;
  if (cluster === undefined || name === undefined) return undefined;
  return { ...NO_DOCUMENT, ...cluster, kubeletConf: node.kubeletConf, name };
}
