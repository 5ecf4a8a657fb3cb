import { BootstrapError } from '../faults/errors.ts';
import { isMap } from './schema-parts.ts';

/** A text for another program: what it is, and what to give a node in its place. */
export interface Foreign {
  readonly what: string;
  /** One sentence, without its full stop. */
  readonly instead: string;
}

/** Sources that hold a text for another program have no document: a node treats it as absent. */
export class ForeignError extends BootstrapError {
  readonly foreign: Foreign;

  constructor(source: string, foreign: Foreign) {
    const message = `read ${source}: it is ${foreign.what}`;
    super('KIOS_BOOTSTRAP_DOCUMENT', message, { remedy: `${foreign.instead}.` });
    this.foreign = foreign;
  }
}

interface Kind extends Foreign {
  readonly isIt: (text: string) => boolean;
}

const OUR_FORM = 'Give a bootstrap document in its place, in a form of docs/bootstrap.md';
const kind = (isIt: RegExp, what: string, instead: string = OUR_FORM): Kind => ({
  isIt: (text) => isIt.test(text),
  what,
  instead,
});

const FETCHES = /secret-userdata|secretsmanager/i;

/** Of cloud-config and of scripts; the first one that matches says most. */
const INNER: readonly Kind[] = [
  kind(
    FETCHES,
    'a script that fetches the user data of Cluster API from AWS Secrets Manager',
    'Set cloudInit.insecureSkipSecretsManager in the AWSMachineTemplate, so that the machine gets the user data itself',
  ),
  kind(
    /kubeadm\s+init\b|kubeadm\s+join\b[^\n]{0,2000}--control-plane/,
    'for a control plane',
    'Make control planes of another system: a kiOS node is a worker',
  ),
  kind(
    /\/etc\/eks\/bootstrap\.sh/,
    'a script for Amazon Linux 2',
    'Give the NodeConfig that EKS has for Amazon Linux 2023',
  ),
  kind(
    /\brke2\b/,
    'for RKE2',
    'Join the node to a cluster of kubeadm or EKS: RKE2 takes only agents of its own',
  ),
  kind(
    /\bk3s\b/,
    'for k3s',
    'Join the node to a cluster of kubeadm or EKS: k3s takes only agents of its own',
  ),
  kind(
    /\bk0s\b/,
    'for k0s',
    'Join the node to a cluster of kubeadm or EKS: k0s takes only workers of its own',
  ),
  kind(
    /\bmicrok8s\b/,
    'for MicroK8s',
    'Join the node to a cluster of kubeadm or EKS: MicroK8s takes only nodes of its own',
  ),
  kind(
    /\bkube-env\b|kube-node-installation/,
    "for a node of GKE's own images",
    'Give the machine a bootstrap document as attribute user-data: GKE manages only nodes of its own images',
  ),
];

const SCRIPT =
  'Give what the script would do as a bootstrap document, or its kubeadm join line alone: nothing is executed';

/** Recognised by their first line. */
const HEADERS: readonly Kind[] = [
  kind(
    /^#cloud-config-archive\b/,
    'an archive for cloud-init',
    'Give a MIME document in its place',
  ),
  kind(
    /^#cloud-config-jsonp\b/,
    'a patch of cloud-config, for cloud-init',
    'Give a whole document in its place',
  ),
  kind(
    /^#cloud-config\b/,
    'cloud-config, for cloud-init, that joins no cluster',
    'Give a bootstrap document in its place, or a cloud-config that runs kubeadm join as that of Cluster API does',
  ),
  kind(
    /^#include(?:-once)?\b/,
    'a list of addresses for cloud-init',
    'Give the document itself, or its address as kios.config= on the command line of the kernel',
  ),
  kind(/^#(?:cloud-boothook|upstart-job)\b/, 'a script for cloud-init', SCRIPT),
  kind(/^#part-handler\b/, 'a program for cloud-init', SCRIPT),
  kind(/^##\s*template:/, 'a template for cloud-init'),
  kind(/^#!/, 'a script', SCRIPT),
  kind(/^(?:<(?:powershell|script)>|#ps1|rem cmd\b)/i, 'a script for Windows', SCRIPT),
  kind(/^<\?xml[^>]*>\s*<unattend\b/i, 'an answer file of Windows'),
  kind(/^(?:#version=\w+|d-i[ \t]+[-\w]+\/)/, 'an answer file of an installer'),
  kind(
    /^\{[\s\S]*"ignition"\s*:/,
    'Ignition',
    'Give a bootstrap document in its place; a KubeadmConfig of Cluster API makes one with format: cloud-config',
  ),
];

/** What the top of a YAML or JSON text says of it. */
interface Top {
  readonly keys: ReadonlySet<string>;
  /** Of each document in it. */
  readonly heads: readonly { readonly apiVersion: string; readonly kind: string }[];
  readonly text: string;
}

const scalar = (value: unknown): string => (typeof value === 'string' ? value : '');

const MAX_JSON = 64 * 1024;

function topOfJson(text: string): Top {
  let json: unknown;
  try {
    // Documents of these kinds are small; a large one of ours is counted before it is parsed.
    json = text.length > MAX_JSON ? undefined : JSON.parse(text);
  } catch {
    json = undefined;
  }
  const map = isMap(json) ? json : {};
  const head = { apiVersion: scalar(map['apiVersion']), kind: scalar(map['kind']) };
  return { keys: new Set(Object.keys(map)), heads: [head], text };
}

/** Looks at the lines without indentation alone: the text may be no YAML at all. */
function topOf(text: string): Top {
  if (text.startsWith('{')) return topOfJson(text);
  const heads = text.split(/^---(?:\s|$)/m).map((document) => ({
    apiVersion: /^apiVersion:\s*["']?([^\s"'#]+)/m.exec(document)?.[1] ?? '',
    kind: /^kind:\s*["']?([^\s"'#]+)/m.exec(document)?.[1] ?? '',
  }));
  const keys = [...text.matchAll(/^["']?([A-Za-z_][\w.-]*)["']?[ \t]*:(?:\s|$)/gm)];
  return { keys: new Set(keys.map(([, key]) => key ?? '')), heads, text };
}

/** Tools of a workstation, and controllers, which make user data of their objects. */
const TOOLS =
  /(?:^|\.)(?:eksctl\.io|karpenter\.sh|karpenter\.k8s\.aws|k0sproject\.io|kops\.k8s\.io|kind\.x-k8s\.io|k3d\.io)\//;

/** The sections of Container Linux Configs, from which Butane came. */
const BUTANE = new Set(['passwd', 'storage', 'systemd', 'networkd', 'update', 'locksmith', 'docker', 'etcd', 'flannel']); // prettier-ignore

/** Keys of cloud-config that no other program has. */
const CLOUD_CONFIG = new Set(['write_files', 'runcmd', 'bootcmd', 'package_update', 'package_upgrade', 'ssh_authorized_keys', 'ssh_pwauth', 'chpasswd', 'users', 'packages']); // prettier-ignore

const OURS = /^(?:kios\.dev|kios\.redcoat\.dev|node\.eks\.aws|kubeadm\.k8s\.io)\//;

/** The settings of the agents of k3s and RKE2. */
const RANCHER = new Set(
  `server token token-file agent-token agent-token-file node-name with-node-id node-label node-taint node-ip
   node-external-ip node-internal-dns kubelet-arg kube-proxy-arg kube-apiserver-arg kube-controller-manager-arg
   kube-scheduler-arg cluster-init cluster-cidr service-cidr cluster-dns cluster-domain tls-san disable
   disable-cloud-controller disable-network-policy disable-kube-proxy flannel-backend flannel-iface
   write-kubeconfig write-kubeconfig-mode data-dir debug selinux profile protect-kernel-defaults
   private-registry system-default-registry cni cloud-provider-name cloud-provider-config secrets-encryption
   embedded-registry snapshotter docker etcd-expose-metrics bind-address advertise-address lb-server-port
   resolv-conf egress-selector-mode ingress-controller`.split(/\s+/),
);

const isRancher = ({ keys }: Top): boolean =>
  keys.size > 1 && [...keys].every((key) => RANCHER.has(key));
const isRke2 = ({ keys, text }: Top): boolean =>
  /^server:.*:9345/m.test(text) || keys.has('cni') || keys.has('profile');

const GKE = /^(?:KUBELET_\w+|KUBERNETES_MASTER\w*|KUBE_MANIFESTS_TAR_\w+|KUBE_PROXY_TOKEN|TPM_BOOTSTRAP_\w+):/m; // prettier-ignore

interface TopKind extends Foreign {
  readonly isIt: (top: Top) => boolean;
}

/** Recognised by their keys. */
const TOPS: readonly TopKind[] = [
  {
    isIt: ({ heads }) => heads.some(({ apiVersion, kind }) => apiVersion === 'v1' && kind === 'Config'),
    what: 'a kubeconfig',
    instead: 'Put its whole text into auth.kubeconfig of a bootstrap document',
  },
  {
    isIt: ({ heads }) => heads.some(({ apiVersion }) => /(?:^|\.)cluster\.x-k8s\.io\//.test(apiVersion)),
    what: 'for the management cluster of Cluster API',
    instead: 'Apply it there, and give the machine the user data that Cluster API makes of it',
  },
  {
    isIt: ({ keys, heads, text }) =>
      (keys.has('machine') && (keys.has('cluster') || /^version:\s*["']?v1alpha1/m.test(text))) ||
      heads.some(({ apiVersion, kind }) => apiVersion === 'v1alpha1' && kind !== ''),
    what: 'a machine configuration of Talos',
    instead: 'Join the node to a cluster of kubeadm or EKS: Talos takes only nodes of its own',
  },
  {
    isIt: ({ heads }) => heads.some(({ apiVersion }) => TOOLS.test(apiVersion)),
    what: 'for a tool that makes clusters or machines',
    instead: 'Apply it there, and give the machine the user data that the tool makes of it',
  },
  {
    isIt: ({ keys }) => keys.size > 0 && [...keys].every((key) => BUTANE.has(key)),
    what: 'Butane, from which Ignition is made',
    instead: OUR_FORM,
  },
  {
    isIt: ({ keys }) => keys.has('scheme_version') && keys.has('install'),
    what: "a configuration of Harvester's installer",
    instead: OUR_FORM,
  },
  {
    isIt: ({ keys, heads }) =>
      heads.every(({ apiVersion }) => apiVersion === '') && [...keys].some((key) => CLOUD_CONFIG.has(key)),
    what: 'cloud-config without its first line',
    instead: 'Put #cloud-config into its first line: that of a node may run kubeadm join',
  },
  {
    isIt: ({ text }) => /^(?:export[ \t]+)?K3S_(?:URL|TOKEN)=/m.test(text),
    what: 'the environment of k3s',
    instead: 'Join the node to a cluster of kubeadm or EKS: k3s takes only agents of its own',
  },
  {
    isIt: ({ keys, text }) =>
      keys.has('variant') && /^variant:\s*["']?(?:fcos|flatcar|openshift|r4e|fiot)\b/m.test(text),
    what: 'Butane, from which Ignition is made',
    instead: OUR_FORM,
  },
  {
    isIt: ({ text }) => /^\[?settings\.kubernetes\b|^\[settings[.\]]/m.test(text),
    what: 'settings of Bottlerocket',
    instead: 'Give the NodeConfig that EKS has for Amazon Linux 2023',
  },
  {
    isIt: ({ text }) => GKE.test(text),
    what: "kube-env, for a node of GKE's own images",
    instead: 'Give the machine a bootstrap document as attribute user-data: GKE manages only nodes of its own images',
  },
  {
    isIt: (top) => isRancher(top) && isRke2(top),
    what: 'a configuration of RKE2',
    instead: 'Join the node to a cluster of kubeadm or EKS: RKE2 takes only agents of its own',
  },
  {
    isIt: isRancher,
    what: 'a configuration of k3s',
    instead: 'Join the node to a cluster of kubeadm or EKS: k3s takes only agents of its own',
  },
]; // prettier-ignore

/** Returns whether a text has a document for a node in it, by the head of one of its documents. */
export const isOurs = (text: string): boolean =>
  topOf(text.trimStart()).heads.some(({ apiVersion }) => OURS.test(apiVersion));

/** Returns the kind of a text somewhere in which another one is fetched that would be for a node. */
export const fetcherIn = (text: string): Foreign | undefined => {
  const found = FETCHES.test(text) ? INNER.find(({ isIt }) => isIt(text)) : undefined;
  return found && { what: found.what, instead: found.instead };
};

const TEMPLATE = /^##\s*template:[^\n]*\n\s*/;

/** Returns whether a text is cloud-config, with or without the line that makes it a template. */
export const isCloudConfig = (text: string): boolean =>
  /^#cloud-config(?:\s|$)/.test(text.trimStart().replace(TEMPLATE, ''));

/** Returns whether cloud-init fills in a text before it reads it. */
export const isTemplate = (text: string): boolean =>
  /^##\s*template:\s*jinja/.test(text.trimStart());

function foreignHeader(text: string): Foreign | undefined {
  const start = text.trimStart();
  const rest = start.replace(TEMPLATE, '');
  const found = HEADERS.find(({ isIt }) => isIt(rest)) ?? HEADERS.find(({ isIt }) => isIt(start));
  const isCode = /^#(?:!|cloud-)/.test(rest);
  return found && ((isCode ? INNER.find(({ isIt }) => isIt(rest)) : undefined) ?? found);
}

/** Returns which other program a text is for; undefined when it may be a document for a node. */
export function foreignOf(text: string): Foreign | undefined {
  const found = foreignHeader(text);
  if (found !== undefined) return { what: found.what, instead: found.instead };
  if (isOurs(text)) return undefined;
  const top = topOf(text.trimStart());
  const known = TOPS.find(({ isIt }) => isIt(top));
  return known && { what: known.what, instead: known.instead };
}
