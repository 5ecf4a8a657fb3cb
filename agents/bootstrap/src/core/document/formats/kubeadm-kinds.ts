import { unknownName } from '../unknown-field.ts';

/** What is to be done with kubeadm's other documents, and those that stand beside them in its files. */
const REMEDIES = new Map(
  Object.entries({
    InitConfiguration:
      'it makes a control plane; a node reads a JoinConfiguration, or the line of kubeadm token create --print-join-command',
    ClusterConfiguration:
      'it describes a control plane; a node reads a JoinConfiguration, or the line of kubeadm token create --print-join-command',
    ResetConfiguration: 'a node is reset by bootstrap reset',
    UpgradeConfiguration: 'a node is upgraded with its image',
    KubeletConfiguration: 'its fields go into kubelet.config of a NodeBootstrap document',
    KubeProxyConfiguration: 'kube-proxy is configured in the cluster',
  }),
);
const READ = new Set(['v1beta3', 'v1beta4']);

const API = /^(kubeadm|kubelet\.config|kubeproxy\.config)\.k8s\.io\/(\w{1,20})$/;

/** Returns why kubeadm's own kind is not read in this version. */
function ownFault(version: string, kind: string): string | undefined {
  if (!READ.has(version))
    return `kubeadm.k8s.io/${version} is not read; v1beta3 and v1beta4 are (kubeadm config migrate writes them)`;
  const known = ['JoinConfiguration', ...REMEDIES.keys()];
  return kind === 'JoinConfiguration'
    ? undefined
    : `kind: ${unknownName(kind, known, { what: "a kind of kubeadm's" })}`;
}

interface Head {
  readonly apiVersion: string;
  readonly kind: string;
}

/** Returns why a document of kubeadm's files is not read; undefined when it is none of them, or is read. */
export function kubeadmFault(head: Head | undefined): string | undefined {
  if (head === undefined) return undefined;
  const [, group, version = ''] = API.exec(head.apiVersion) ?? [];
  if (group === undefined) return undefined;
  const remedy = REMEDIES.get(head.kind);
  if (remedy !== undefined) return `${head.kind} is not read; ${remedy}`;
  return group === 'kubeadm' ? ownFault(version, head.kind) : undefined;
}
