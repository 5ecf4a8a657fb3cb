import path from 'node:path';

import { stringify } from 'yaml';

import { WORKSTATION_SEEN_BY_GUEST, layout, NETWORKS, SOCKETS } from './layout.ts';
import { pkiFile } from './pki.ts';

/** The processes of a control plane, in the order they start; they stop the other way round. */
export const COMPONENTS = [
  'etcd',
  'egress-proxy',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
] as const;
export type ComponentName = (typeof COMPONENTS)[number];

/** Configuration files of the API server, by name in the state folder. */
const CONFIG_FILES = {
  egress: 'egress-selector.yaml',
  authentication: 'authentication.yaml',
  controllerManager: 'controller-manager.kubeconfig',
  scheduler: 'scheduler.kubeconfig',
} as const;

/** Where a configuration file lies. */
export const configFile = (name: keyof typeof CONFIG_FILES): string =>
  path.join(layout.home, CONFIG_FILES[name]);

/** Connections to nodes go through the egress proxy: the guest's addresses mean nothing on this host. */
export const egressSelector = (): string =>
  stringify({
    apiVersion: 'apiserver.k8s.io/v1beta1',
    kind: 'EgressSelectorConfiguration',
    egressSelections: [
      {
        name: 'cluster',
        connection: {
          proxyProtocol: 'HTTPConnect',
          transport: { uds: { udsName: SOCKETS.egress } },
        },
      },
    ],
  });

/** Without a name one may ask how the server is, and read what a joining node has to know before it trusts anybody. */
export const authentication = (): string =>
  stringify({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    anonymous: {
      enabled: true,
      conditions: [
        '/livez',
        '/readyz',
        '/api/v1/namespaces/kube-public/configmaps/cluster-info',
      ].map((path) => ({ path })),
    },
  });

const etcd = (): string[] => {
  const client = `unix://${SOCKETS.etcd}`;
  const peer = `unix://${SOCKETS.etcdPeer}`;
  // Sockets in a private folder: a port of 127.0.0.1 would be open to every user of the host and to the guest.
  return [
    '--name=kios',
    `--data-dir=${layout.etcdData}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=kios=${peer}`,
    '--log-level=warn',
  ];
};

const apiserver = (port: number): string[] => [
  '--bind-address=127.0.0.1',
  `--secure-port=${port}`,
  `--advertise-address=${WORKSTATION_SEEN_BY_GUEST}`,
  `--etcd-servers=unix://${SOCKETS.etcd}`,
  `--tls-cert-file=${pkiFile('apiserver', '.crt')}`,
  `--tls-private-key-file=${pkiFile('apiserver', '.key')}`,
  `--client-ca-file=${pkiFile('ca', '.crt')}`,
  `--authentication-config=${configFile('authentication')}`,
  '--enable-bootstrap-token-auth',
  '--authorization-mode=Node,RBAC',
  '--enable-admission-plugins=NodeRestriction',
  // A cluster's own network and storage add-ons need it; the pods that ship with kiOS do not.
  '--allow-privileged',
  `--service-cluster-ip-range=${NETWORKS.services}`,
  '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
  `--service-account-key-file=${pkiFile('service-account', '.pub')}`,
  `--service-account-signing-key-file=${pkiFile('service-account', '.key')}`,
  // No CA for kubelets' self-signed serving certificates, as with kubeadm: the way there stays on this host's loopback.
  `--kubelet-client-certificate=${pkiFile('apiserver-kubelet-client', '.crt')}`,
  `--kubelet-client-key=${pkiFile('apiserver-kubelet-client', '.key')}`,
  '--kubelet-preferred-address-types=InternalIP',
  `--egress-selector-config-file=${configFile('egress')}`,
  '--profiling=false',
];

const controllerManager = (): string[] => [
  `--kubeconfig=${configFile('controllerManager')}`,
  '--controllers=*,bootstrap-signer-controller,token-cleaner-controller',
  `--cluster-signing-cert-file=${pkiFile('ca', '.crt')}`,
  `--cluster-signing-key-file=${pkiFile('ca', '.key')}`,
  `--root-ca-file=${pkiFile('ca', '.crt')}`,
  `--service-account-private-key-file=${pkiFile('service-account', '.key')}`,
  '--use-service-account-credentials',
  '--allocate-node-cidrs',
  `--cluster-cidr=${NETWORKS.pods}`,
  `--service-cluster-ip-range=${NETWORKS.services}`,
  // Its default is a folder of the host, which it would make.
  `--flex-volume-plugin-dir=${layout.home}/flexvolume`,
  '--leader-elect=false',
  // Serves nothing: one port less that could be taken.
  '--secure-port=0',
  '--profiling=false',
];

const scheduler = (): string[] => [
  `--kubeconfig=${configFile('scheduler')}`,
  '--leader-elect=false',
  '--secure-port=0',
  '--profiling=false',
];

/** The arguments of the upstream programs of a control plane whose API server listens on `apiPort`. */
export const componentArguments = (apiPort: number) =>
  ({
    etcd: etcd(),
    'kube-apiserver': apiserver(apiPort),
    'kube-controller-manager': controllerManager(),
    'kube-scheduler': scheduler(),
  }) satisfies Partial<Record<ComponentName, string[]>>;
