import { stringify } from 'yaml';

import type { NodeBootstrap } from './document.ts';
import { formatBootstrapKubeconfig } from './kubeconfig.ts';
import { KUBELET_ETC, kubeletFragments } from './kubelet-config.ts';
import { checkLabels } from './labels.ts';
import type { WantedCluster } from './wanted.ts';

/** One file of the node's configuration; `content` undefined means the file must not be there. Path relative to /etc. */
export interface OutputFile {
  readonly path: string;
  readonly content: string | undefined;
  readonly mode: number;
}

/** Everything that decides what is written. */
export interface RenderInput {
  readonly document: NodeBootstrap;
  readonly cluster: (WantedCluster & { readonly ca: readonly string[] }) | undefined;
  readonly nodeName: string;
  readonly nodeIp: string | undefined;
  /** The node holds a valid certificate, so no token need lie on its disk. */
  readonly hasIdentity: boolean;
}

export const BOOTSTRAP_KUBECONFIG = 'kubernetes/bootstrap-kubelet.conf';

const lines = (all: readonly string[]): string | undefined =>
  all.length === 0 ? undefined : `${all.join('\n')}\n`;

const yaml = (value: unknown): string | undefined =>
  value === undefined ? undefined : stringify(value);

/**
 * All files, in the order in which they are put in place. The bootstrap kubeconfig turns cluster mode on; what comes before it is
 * harmless to a standalone kubelet, what comes after it would stop one. A kubelet started between any two of them therefore runs.
 */
export function renderFiles(input: RenderInput): readonly OutputFile[] {
  const { document, cluster } = input;
  const fragments = kubeletFragments(document, cluster !== undefined);
  const labels = checkLabels(document.node?.labels ?? {}).labels;
  const kubeconfig =
    cluster === undefined || input.hasIdentity
      ? undefined
      : formatBootstrapKubeconfig(cluster.endpoint, `${KUBELET_ETC}/pki/ca.crt`, cluster.token);
  const nodeIp = input.nodeIp === undefined ? [] : [input.nodeIp];
  const ca = cluster?.ca.join('');
  return [
    { path: 'kubernetes/pki/ca.crt', content: ca, mode: 0o644 },
    {
      path: 'kubernetes/node-labels',
      content: lines(labels.map(([key, value]) => `${key}: ${value}`)),
      mode: 0o644,
    },
    { path: 'kubernetes/node-ip', content: lines(nodeIp), mode: 0o644 },
    { path: 'hostname', content: `${input.nodeName}\n`, mode: 0o644 },
    {
      path: 'kubernetes/kubelet.conf.d/10-kios.conf',
      content: yaml(fragments.node),
      mode: 0o644,
    },
    {
      path: 'kubernetes/kubelet.conf.d/50-user.conf',
      content: yaml(fragments.user),
      mode: 0o644,
    },
    { path: BOOTSTRAP_KUBECONFIG, content: kubeconfig, mode: 0o600 },
    {
      path: 'kubernetes/kubelet.conf.d/20-cluster.conf',
      content: yaml(fragments.cluster),
      mode: 0o644,
    },
  ];
}
