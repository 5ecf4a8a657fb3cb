import { ATTESTED_USER, type ClusterAuth } from '../cluster/auth.ts';
import type { ClusterConfig } from '../cluster/cluster-config.ts';
import { formatKubeconfig } from '../cluster/kubeconfig.ts';
import type { CredentialProviderSpec, NodeBootstrap } from '../document/schema.ts';
import { formatYaml } from '../document/yaml.ts';
import { checkLabels } from '../node/labels.ts';
import { kubeletFragments } from './kubelet-config.ts';
import type { OutputFile } from './output-file.ts';
import { proxyFile } from './proxy-file.ts';
import { checkSysctls, SYSCTL_FILE } from './sysctls.ts';
import { documentFiles } from './user-files.ts';

/** Everything the files depend on. */
export interface RenderInput {
  readonly document: NodeBootstrap;
  readonly cluster: (ClusterConfig & { readonly ca: readonly string[] }) | undefined;
  /** Undefined leaves the name to init. */
  readonly hostname: string | undefined;
  readonly nodeIp: string | undefined;
  /** The node has a valid certificate, so its disk needs no token. */
  readonly hasIdentity: boolean;
  /** The API server in kubelet.conf, which kubelet keeps whatever the document says. */
  readonly joinedServer?: string | undefined;
  /** The machine's providerID, from its provider. */
  readonly platformId: string | undefined;
}

export const BOOTSTRAP_KUBECONFIG = 'kubernetes/bootstrap-kubelet.conf';
export const KUBECONFIG = 'kubernetes/kubelet.conf';
export const NODE_IP = 'kubernetes/node-ip';
const CA_FILE = 'kubernetes/pki/ca.crt';

const lines = (all: readonly string[]): string | undefined =>
  all.length === 0 ? undefined : `${all.join('\n')}\n`;

const yaml = (value: unknown): string | undefined =>
  value === undefined ? undefined : formatYaml(value);

function formatProviders(providers: readonly CredentialProviderSpec[] = []): string | undefined {
  if (providers.length === 0) return undefined;
  const config = 'kubelet.config.k8s.io/v1';
  const apiVersion = 'credentialprovider.kubelet.k8s.io/v1';
  return formatYaml({
    apiVersion: config,
    kind: 'CredentialProviderConfig',
    providers: providers.map((provider) => ({ ...provider, apiVersion })),
  });
}

/** Returns the kubeconfig by which kubelet requests its certificate; undefined when it needs none. */
export function formatBootstrapKubeconfig(endpoint: string, auth: ClusterAuth): string | undefined {
  const ca = `/etc/${CA_FILE}`;
  if (auth.kind === 'token' && auth.attests === true)
    return formatKubeconfig(endpoint, ca, ATTESTED_USER);
  if (auth.kind === 'token')
    return formatKubeconfig(endpoint, ca, { token: `${auth.token.id}.${auth.token.secret}` });
  return auth.kind === 'user' && auth.isBootstrap
    ? formatKubeconfig(endpoint, ca, auth.user)
    : undefined;
}

/** Returns the kubeconfig of the document's user; undefined when kubelet writes this file itself. */
export function formatUserKubeconfig(endpoint: string, auth: ClusterAuth): string | undefined {
  return auth.kind === 'user' && !auth.isBootstrap
    ? formatKubeconfig(endpoint, `/etc/${CA_FILE}`, auth.user)
    : undefined;
}

function kubeconfigs({ cluster, hasIdentity }: RenderInput): readonly OutputFile[] {
  const bootstrap =
    cluster === undefined || hasIdentity
      ? undefined
      : formatBootstrapKubeconfig(cluster.endpoint, cluster.auth);
  const own = cluster && formatUserKubeconfig(cluster.endpoint, cluster.auth);
  return [
    { path: BOOTSTRAP_KUBECONFIG, content: bootstrap, mode: 0o600 },
    ...(own === undefined ? [] : [{ path: KUBECONFIG, content: own, mode: 0o600 }]),
  ];
}

const open = (path: string, content: string | undefined): OutputFile => ({
  path,
  content,
  mode: 0o644,
});

/**
 * Returns all files in the order in which they are put in place. The kubeconfig turns cluster mode on. The files before
 * it are harmless to a standalone kubelet, the ones after it would stop one, so a kubelet started between any two runs.
 */
export function renderFiles(input: RenderInput): readonly OutputFile[] {
  const { document, cluster } = input;
  const fragments = kubeletFragments(document, cluster?.auth, input.platformId);
  const labels = checkLabels(document.node?.labels ?? {}).labels;
  const sysctls = checkSysctls(document.sysctls).rows;
  const manager = document.node?.cloudProvider;
  const nodeIp = input.nodeIp === undefined ? [] : [input.nodeIp];
  return [
    open(CA_FILE, cluster?.ca.join('')),
    {
      path: 'kubernetes/credential-providers.yaml',
      content: formatProviders(document.credentialProviders),
      mode: 0o600,
    },
    ...documentFiles(document),
    open(SYSCTL_FILE, lines(sysctls.map(([name, value]) => `${name} = ${value}`))),
    proxyFile(document, [cluster?.endpoint, input.joinedServer]),
    open('kubernetes/cloud-provider', lines(manager === undefined ? [] : [manager])),
    open('kubernetes/node-labels', lines(labels.map(([key, value]) => `${key}: ${value}`))),
    open(NODE_IP, lines(nodeIp)),
    open('hostname', lines(input.hostname === undefined ? [] : [input.hostname])),
    open('kubernetes/kubelet.conf.d/10-kios.conf', yaml(fragments.node)),
    open('kubernetes/kubelet.conf.d/50-user.conf', yaml(fragments.user)),
    ...kubeconfigs(input),
    open('kubernetes/kubelet.conf.d/20-cluster.conf', yaml(fragments.cluster)),
  ];
}
