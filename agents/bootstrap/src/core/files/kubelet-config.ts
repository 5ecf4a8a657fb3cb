import type { ClusterAuth } from '../cluster/auth.ts';
import { mergeMaps } from '../document/merge.ts';
import type { NodeBootstrap } from '../document/schema.ts';

type Json = Readonly<Record<string, unknown>>;

/** Folder of kubelet's files, as kubelet sees it; in the agent's pod it is elsewhere. */
export const KUBELET_ETC = '/etc/kubernetes';

/**
 * Fields that need an API server. With them a standalone kubelet refuses to start ("no client provided, cannot use
 * webhook authentication"), so they have a file of their own that is written after the kubeconfig.
 */
const CLUSTER_FIELDS = [
  'authentication',
  'authorization',
  'enableServer',
  'serverTLSBootstrap',
] as const;

const head = { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration' };

/** Returns the fields that kiOS sets on every node, valid with and without an API server. */
function nodeFragment(
  node: NonNullable<NodeBootstrap['node']>,
  platformId: string | undefined,
): Json {
  const taints = node.taints?.map(({ key, value, effect }) => ({ key, value, effect }));
  const isAuto = node.providerID === undefined || node.providerID === 'auto';
  const fields = {
    providerID: isAuto ? platformId : node.providerID,
    registerWithTaints: taints,
    maxPods: node.maxPods,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** kubelet's server admits client certificates of the cluster's CA only; the API server authorizes each request. */
const CLUSTER_DEFAULTS: Json = {
  enableServer: true,
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: `${KUBELET_ETC}/pki/ca.crt` },
  },
  authorization: { mode: 'Webhook' },
};

function clusterFragment(auth: ClusterAuth, user: Json): Json {
  return {
    ...head,
    ...CLUSTER_DEFAULTS,
    // With rotation kubelet uses only certificates of its kubeconfig, and would call the API server unauthenticated.
    ...(auth.kind !== 'token' && auth.rotates === false ? { rotateCertificates: false } : {}),
    // The image's own certificate would be preferred to the cluster's for callers that send no server name.
    ...(user['serverTLSBootstrap'] === true ? { tlsCertFile: '', tlsPrivateKeyFile: '' } : {}),
    ...mergeMaps(CLUSTER_DEFAULTS, user),
  };
}

const isCluster = (key: string): boolean => CLUSTER_FIELDS.some((field) => field === key);

const split = (config: Json): { cluster: Json; rest: Json } => {
  const entries = Object.entries(config);
  return {
    cluster: Object.fromEntries(entries.filter(([key]) => isCluster(key))),
    rest: Object.fromEntries(entries.filter(([key]) => !isCluster(key))),
  };
};

export interface Fragments {
  /** `10-kios.conf`. */
  readonly node: Json;
  /** `20-cluster.conf`; undefined for a standalone node. */
  readonly cluster: Json | undefined;
  /** `50-user.conf`; undefined when the document has no such fields. */
  readonly user: Json | undefined;
}

/** Returns the drop-ins of a node; the user's fields override ours. */
export function kubeletFragments(
  document: NodeBootstrap,
  auth: ClusterAuth | undefined,
  platformId: string | undefined,
): Fragments {
  const user = split(document.kubelet?.config ?? {});
  const rest = { ...head, ...user.rest, ...head };
  return {
    node: { ...head, ...nodeFragment(document.node ?? {}, platformId) },
    cluster: auth === undefined ? undefined : clusterFragment(auth, user.cluster),
    user: Object.keys(user.rest).some((key) => !(key in head)) ? rest : undefined,
  };
}
