import { WORKSTATION_SEEN_BY_GUEST } from '../lab/controlplane/layout.ts';
import type { Kubectl } from '../lab/kubectl.ts';
import { ADD_ONS } from './images/recipes.ts';

/** Address of the Service `kube-dns`. */
export const CLUSTER_DNS = '10.96.0.10';
/** Port of the proxy on the first node through which the API server reaches pods and Services. */
export const EGRESS_PORT = 8888;
/** The network of pods that ships with a node; two nodes have parts of it. */
export const POD_NETWORK = '10.85.0.0/16';

const ROLLOUT_S = 1200;
/** Kubelet's own second is short under emulation. */
const PROBE_S = 10;
const NAMESPACE = 'kube-system';
const RBAC = { apiVersion: 'rbac.authorization.k8s.io/v1' } as const;
const RBAC_GROUP = 'rbac.authorization.k8s.io';

const imageOf = (name: string): string => `registry.k8s.io/${name}`;

const account = (name: string, role: string): object[] => [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: NAMESPACE } },
  {
    ...RBAC,
    kind: 'ClusterRoleBinding',
    metadata: { name: `kios:${name}` },
    roleRef: { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'ServiceAccount', name, namespace: NAMESPACE }],
  },
];

/** A set of pods of one label, which stay whatever a test does to nodes. */
const workload = (kind: 'DaemonSet' | 'Deployment', name: string, spec: object): object => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name, namespace: NAMESPACE },
  spec: {
    selector: { matchLabels: { 'k8s-app': name } },
    template: {
      metadata: { labels: { 'k8s-app': name } },
      spec: {
        priorityClassName: 'system-cluster-critical',
        tolerations: [{ operator: 'Exists' }],
        ...spec,
      },
    },
  },
});

/** The API server's address among Services needs kube-proxy, so this one is told the real one. */
const kubeProxy = (apiPort: number): object[] => [
  ...account('kube-proxy', 'system:node-proxier'),
  workload('DaemonSet', 'kube-proxy', {
    hostNetwork: true,
    serviceAccountName: 'kube-proxy',
    containers: [
      {
        name: 'kube-proxy',
        image: imageOf(ADD_ONS.kubeProxy),
        command: [
          'kube-proxy',
          '--proxy-mode=nftables',
          `--cluster-cidr=${POD_NETWORK}`,
          '--hostname-override=$(NODE_NAME)',
          // The node has set its table of connections for its memory.
          '--conntrack-max-per-core=0',
          '--conntrack-tcp-timeout-established=0s',
          '--conntrack-tcp-timeout-close-wait=0s',
        ],
        env: [
          { name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
          { name: 'KUBERNETES_SERVICE_HOST', value: WORKSTATION_SEEN_BY_GUEST },
          { name: 'KUBERNETES_SERVICE_PORT', value: String(apiPort) },
        ],
        securityContext: { capabilities: { add: ['NET_ADMIN'] } },
        readinessProbe: { httpGet: { path: '/healthz', port: 10256 }, timeoutSeconds: PROBE_S },
      },
    ],
  }),
];

/**
 * As kubeadm has it, without a way to other name servers: a name of the world does not exist. That has a server of its
 * own, because `template` comes before `kubernetes` in CoreDNS whatever the file's order.
 */
const COREFILE = `cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        ttl 30
    }
    prometheus :9153
    cache 30
    reload
    loadbalance
}
.:53 {
    errors
    template ANY ANY {
        rcode NXDOMAIN
    }
}
`;

const coreDns = (): object[] => [
  {
    ...RBAC,
    kind: 'ClusterRole',
    metadata: { name: 'system:coredns' },
    rules: [
      {
        apiGroups: [''],
        resources: ['services', 'pods', 'namespaces', 'nodes'],
        verbs: ['get', 'list', 'watch'],
      },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
    ],
  },
  ...account('coredns', 'system:coredns'),
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'coredns', namespace: NAMESPACE },
    data: { Corefile: COREFILE },
  },
  workload('Deployment', 'kube-dns', {
    serviceAccountName: 'coredns',
    dnsPolicy: 'Default',
    containers: [
      {
        name: 'coredns',
        image: imageOf(ADD_ONS.coreDns),
        args: ['-conf', '/etc/coredns/Corefile'],
        volumeMounts: [{ name: 'config', mountPath: '/etc/coredns' }],
        readinessProbe: { httpGet: { path: '/ready', port: 8181 }, timeoutSeconds: PROBE_S },
      },
    ],
    volumes: [{ name: 'config', configMap: { name: 'coredns' } }],
  }),
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'kube-dns',
      namespace: NAMESPACE,
      labels: { 'k8s-app': 'kube-dns', 'kubernetes.io/name': 'CoreDNS' },
    },
    spec: {
      selector: { 'k8s-app': 'kube-dns' },
      clusterIP: CLUSTER_DNS,
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP' },
        { name: 'dns-tcp', port: 53, protocol: 'TCP' },
      ],
    },
  },
];

const egress = (nodeName: string): object =>
  workload('Deployment', 'egress', {
    nodeName,
    hostNetwork: true,
    automountServiceAccountToken: false,
    containers: [
      {
        name: 'proxy',
        image: imageOf(ADD_ONS.egress),
        readinessProbe: { tcpSocket: { port: EGRESS_PORT }, timeoutSeconds: PROBE_S },
      },
    ],
  });

/** What a cluster has besides nodes: Services, names, and a way from the API server into the network of pods. */
export const addOns = (apiPort: number, nodeName: string): object[] => [
  ...kubeProxy(apiPort),
  ...coreDns(),
  egress(nodeName),
];

/** Installs the add-ons, and returns when all of them serve. */
export async function installAddOns(
  kubectl: Kubectl,
  { apiPort, nodeName }: { readonly apiPort: number; readonly nodeName: string },
): Promise<void> {
  const items = addOns(apiPort, nodeName);
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  await kubectl.call(['apply', '-f', '-'], { input });
  for (const name of ['daemonset/kube-proxy', 'deployment/kube-dns', 'deployment/egress']) {
    await kubectl.wait(['-n', NAMESPACE, 'rollout', 'status', name], ROLLOUT_S);
  }
}
