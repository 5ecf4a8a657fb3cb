import { randomInt } from 'node:crypto';

import type { ApiObject } from './api-client.ts';
import { formatClusterInfo } from './kubeconfig.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
/** The group of nodes that join with a token. The name is kubeadm's, so that tokens made by kubeadm work too. */
export const BOOTSTRAPPERS = 'system:bootstrappers:kubeadm:default-node-token';

type Subject = { readonly kind: 'Group' | 'User'; readonly name: string };

const subjectsOf = ({ kind, name }: Subject): unknown => [
  { apiGroup: 'rbac.authorization.k8s.io', kind, name },
];

const clusterRoleBinding = (name: string, role: string, subject: Subject): ApiObject => ({
  path: `${RBAC}/clusterrolebindings/${name}`,
  body: {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: subjectsOf(subject),
  },
});

const CLUSTER_INFO_ROLE = 'kubeadm:bootstrap-signer-clusterinfo';

const clusterInfoAccess = (): ApiObject[] => [
  {
    path: `${RBAC}/namespaces/kube-public/roles/${CLUSTER_INFO_ROLE}`,
    body: {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: CLUSTER_INFO_ROLE, namespace: 'kube-public' },
      rules: [
        {
          apiGroups: [''],
          resources: ['configmaps'],
          resourceNames: ['cluster-info'],
          verbs: ['get'],
        },
      ],
    },
  },
  {
    path: `${RBAC}/namespaces/kube-public/rolebindings/${CLUSTER_INFO_ROLE}`,
    body: {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: CLUSTER_INFO_ROLE, namespace: 'kube-public' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: CLUSTER_INFO_ROLE },
      subjects: subjectsOf({ kind: 'User', name: 'system:anonymous' }),
    },
  },
];

/** Returns the objects that let nodes join by token, as kubeadm makes them, and let the API server reach kubelets. */
export const bootstrapObjects = (server: string, caPem: string): ApiObject[] => [
  clusterRoleBinding('kubeadm:kubelet-bootstrap', 'system:node-bootstrapper', {
    kind: 'Group',
    name: BOOTSTRAPPERS,
  }),
  clusterRoleBinding(
    'kubeadm:node-autoapprove-bootstrap',
    'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
    { kind: 'Group', name: BOOTSTRAPPERS },
  ),
  clusterRoleBinding(
    'kubeadm:node-autoapprove-certificate-rotation',
    'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
    { kind: 'Group', name: 'system:nodes' },
  ),
  clusterRoleBinding('kios:apiserver-kubelet-client', 'system:kubelet-api-admin', {
    kind: 'User',
    name: 'kube-apiserver-kubelet-client',
  }),
  ...clusterInfoAccess(),
  {
    path: '/api/v1/namespaces/kube-public/configmaps/cluster-info',
    body: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'cluster-info', namespace: 'kube-public' },
      data: { kubeconfig: formatClusterInfo(server, caPem) },
    },
  },
];

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
const randomWord = (length: number): string =>
  Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');

/** Makes a bootstrap token, `id.secret`, and the Secret that makes the cluster accept it until `expires`. */
export function newBootstrapToken(expires: Date): { token: string; secret: ApiObject } {
  const [id, key] = [randomWord(6), randomWord(16)];
  const name = `bootstrap-token-${id}`;
  return {
    token: `${id}.${key}`,
    secret: {
      path: `/api/v1/namespaces/kube-system/secrets/${name}`,
      body: {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace: 'kube-system' },
        type: 'bootstrap.kubernetes.io/token',
        stringData: {
          description: 'made by kios for nodes to join',
          'token-id': id,
          'token-secret': key,
          expiration: expires.toISOString().replace(/\.\d+Z$/u, 'Z'),
          'usage-bootstrap-authentication': 'true',
          'usage-bootstrap-signing': 'true',
          'auth-extra-groups': BOOTSTRAPPERS,
        },
      },
    },
  };
}
