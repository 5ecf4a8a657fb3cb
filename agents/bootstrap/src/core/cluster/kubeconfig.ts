import * as v from 'valibot';
import { parse } from 'yaml';

import { formatYaml } from '../document/yaml.ts';
import { fieldError } from '../faults/errors.ts';

/** A single entry of a kind needs no name. */
const name = v.optional(v.string(), '');
const EnvVar = v.object({ name: v.string(), value: v.string() });
const User = v.object({
  token: v.optional(v.string()),
  'client-certificate': v.optional(v.string()),
  'client-certificate-data': v.optional(v.string()),
  'client-key-data': v.optional(v.string()),
  exec: v.optional(
    v.object({
      apiVersion: v.optional(v.string()),
      command: v.string(),
      args: v.nullish(v.array(v.string())),
      env: v.nullish(v.array(EnvVar)),
    }),
  ),
});
const Cluster = v.object({
  server: v.optional(v.string()),
  'certificate-authority-data': v.optional(v.string()),
});
// kubeadm writes null for an empty list.
const Kubeconfig = v.object({
  clusters: v.nullish(v.array(v.object({ name, cluster: Cluster })), []),
  users: v.nullish(v.array(v.object({ name, user: User })), []),
  contexts: v.nullish(
    v.array(v.object({ name, context: v.object({ cluster: v.string(), user: v.string() }) })),
    [],
  ),
  'current-context': v.nullish(v.string()),
});
type Kubeconfig = v.InferOutput<typeof Kubeconfig>;

/** A user's entry in a kubeconfig. */
export interface KubeconfigUser {
  readonly token?: string | undefined;
  /** Paths on the host; those of a document do not count. */
  readonly 'client-certificate'?: string | undefined;
  readonly 'client-key'?: string | undefined;
  readonly 'client-certificate-data'?: string | undefined;
  readonly 'client-key-data'?: string | undefined;
  readonly exec?:
    | {
        readonly apiVersion?: string | undefined;
        readonly command: string;
        readonly args?: readonly string[] | undefined;
        readonly env?: readonly { readonly name: string; readonly value: string }[] | undefined;
        readonly [other: string]: unknown;
      }
    | undefined;
}

/** Formats a kubeconfig with one entry of each kind. `certificateAuthority` is a path on the host. */
export function formatKubeconfig(
  endpoint: string,
  certificateAuthority: string,
  user: KubeconfigUser,
): string {
  return formatYaml({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'default',
        cluster: { server: endpoint, 'certificate-authority': certificateAuthority },
      },
    ],
    users: [{ name: 'default', user }],
    contexts: [{ name: 'default', context: { cluster: 'default', user: 'default' } }],
    'current-context': 'default',
  });
}

function tryParse(text: string): Kubeconfig | undefined {
  try {
    const parsed = v.safeParse(Kubeconfig, parse(text, { maxAliasCount: 0 }));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the only entry, or the one with this name. */
function pick<Item extends { readonly name: string }>(
  items: readonly Item[],
  name: string | null | undefined,
): Item | undefined {
  return items.length === 1 ? items[0] : items.find((item) => item.name === name);
}

export interface ParsedKubeconfig {
  readonly server: string | undefined;
  /** Base64 of PEM. */
  readonly ca: string | undefined;
  readonly user: KubeconfigUser;
}

const NOTHING: Kubeconfig = { clusters: [], users: [], contexts: [], 'current-context': undefined };

/** Makes YAML's null absent. */
function userOf({ exec, ...rest }: v.InferOutput<typeof User>): KubeconfigUser {
  if (exec === undefined) return rest;
  return { ...rest, exec: { ...exec, args: exec.args ?? undefined, env: exec.env ?? undefined } };
}

/** Parses a kubeconfig inside a document. Only data counts, because its paths are not this node's. */
export function parseKubeconfig(text: string): ParsedKubeconfig {
  const config = tryParse(text) ?? NOTHING;
  const context = pick(config.contexts, config['current-context'])?.context;
  const user = pick(config.users, context?.user)?.user;
  const cluster = pick(config.clusters, context?.cluster)?.cluster;
  if (user === undefined)
    throw fieldError(
      'read the bootstrap document: auth.kubeconfig: it is not a kubeconfig, or has no user',
    );
  return {
    server: cluster?.server,
    ca: cluster?.['certificate-authority-data'],
    user: userOf(user),
  };
}

/** Returns the part of a document's kubeconfig that is no secret: the cluster, and the program of its user. */
export function withoutCredentials(text: string): string {
  const { server, ca, user } = parseKubeconfig(text);
  const cluster = { server, 'certificate-authority-data': ca };
  return JSON.stringify({ clusters: [{ cluster }], users: [{ user: { exec: user.exec } }] });
}

/** A cluster's entry in a kubeconfig. */
export interface KubeconfigCluster {
  readonly server: string | undefined;
  /** Base64 of PEM. */
  readonly ca: string | undefined;
}

/** As kubeadm does, the unnamed cluster, else that of the current context; besides, the only one. */
function clusterMeant(config: Kubeconfig): v.InferOutput<typeof Cluster> | undefined {
  const clusters = config.clusters ?? [];
  const context = config.contexts?.find(({ name }) => name === config['current-context'])?.context;
  const unnamed = clusters.find(({ name }) => name === '');
  return (unnamed ?? pick(clusters, context?.cluster))?.cluster;
}

/** Returns the cluster of the kubeconfig in `kube-public/cluster-info`, or why there is none. */
export function clusterOfInfo(kubeconfig: string): KubeconfigCluster | string {
  const config = tryParse(kubeconfig);
  if (config === undefined) return 'it is not a kubeconfig';
  const found = clusterMeant(config);
  if (found === undefined) {
    const count = config.clusters?.length ?? 0;
    return count === 0
      ? 'it names no cluster'
      : `it names ${count} clusters, and none of them is the current one`;
  }
  return { server: found.server, ca: found['certificate-authority-data'] };
}

const onlyUser = (text: string): v.InferOutput<typeof User> | undefined => {
  const users = tryParse(text)?.users ?? [];
  return users.length === 1 ? users[0]?.user : undefined;
};

/** Returns the address of the only cluster of a kubeconfig. */
export function serverOf(kubeconfig: string): string | undefined {
  const clusters = tryParse(kubeconfig)?.clusters ?? [];
  return clusters.length === 1 ? clusters[0]?.cluster.server : undefined;
}

/** Returns the token of a kubeconfig on disk. */
export function tokenOf(kubeconfig: string): string | undefined {
  return onlyUser(kubeconfig)?.token;
}

/** Returns whether the user of a kubeconfig authenticates by token or program, and so needs no certificate. */
export function speaksForItself(kubeconfig: string): boolean {
  const user = onlyUser(kubeconfig);
  return (user?.token ?? user?.exec) !== undefined;
}

/** Returns the client certificate of kubelet.conf: a path, or the PEM itself with its key. */
export function clientCertificateOf(
  kubeletConf: string,
): { readonly path: string } | { readonly pem: string; readonly key?: string } | undefined {
  const user = onlyUser(kubeletConf);
  if (user?.['client-certificate'] !== undefined) return { path: user['client-certificate'] };
  const data = user?.['client-certificate-data'];
  if (data === undefined) return undefined;
  const key = user?.['client-key-data'];
  return key === undefined ? { pem: atob(data) } : { pem: atob(data), key: atob(key) };
}
