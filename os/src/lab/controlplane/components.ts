import path from 'node:path';

import { stringify } from 'yaml';

import { WORKSTATION_SEEN_BY_GUEST, layout, NETWORKS, SOCKETS } from './layout.ts';
import { FRONT_PROXY, pkiFile } from './pki.ts';

/** The processes of a control plane in the order they start; they stop in reverse order. */
export const COMPONENTS = [
  'etcd',
  'egress-proxy',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
] as const;
export type ComponentName = (typeof COMPONENTS)[number];

/** Names of the control plane's configuration files in its folder. */
const CONFIG_FILES = {
  egress: 'egress-selector.yaml',
  authentication: 'authentication.yaml',
  controllerManager: 'controller-manager.kubeconfig',
  scheduler: 'scheduler.kubeconfig',
} as const;

/** Returns the path of a configuration file. */
export const configFile = (name: keyof typeof CONFIG_FILES): string =>
  path.join(layout.home, CONFIG_FILES[name]);

/** Sends connections to nodes through the egress proxy: a guest's addresses mean nothing on the workstation. */
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

/** Lets anonymous clients read the server's health, and what a joining node needs before it can trust the cluster. */
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
  // Sockets in a private folder: a port of 127.0.0.1 would be open to every user of the workstation and to the guest.
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
  // As with kubeadm, no CA for kubelets' self-signed certificates: connections stay on the workstation's loopback.
  `--kubelet-client-certificate=${pkiFile('apiserver-kubelet-client', '.crt')}`,
  `--kubelet-client-key=${pkiFile('apiserver-kubelet-client', '.key')}`,
  '--kubelet-preferred-address-types=InternalIP',
  // The cluster's own CA serves, since only this one name counts.
  `--requestheader-client-ca-file=${pkiFile('ca', '.crt')}`,
  `--requestheader-allowed-names=${FRONT_PROXY}`,
  '--requestheader-username-headers=X-Remote-User',
  '--requestheader-group-headers=X-Remote-Group',
  '--requestheader-extra-headers-prefix=X-Remote-Extra-',
  `--proxy-client-cert-file=${pkiFile('front-proxy-client', '.crt')}`,
  `--proxy-client-key-file=${pkiFile('front-proxy-client', '.key')}`,
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
  // The default is a system folder of the workstation, which it would make.
  `--flex-volume-plugin-dir=${layout.home}/flexvolume`,
  '--leader-elect=false',
  // Nothing uses this port: one less that another program could have taken.
  '--secure-port=0',
  '--profiling=false',
];

const scheduler = (): string[] => [
  `--kubeconfig=${configFile('scheduler')}`,
  '--leader-elect=false',
  '--secure-port=0',
  '--profiling=false',
];

/** Returns the arguments of the control plane's upstream programs; the API server listens on `apiPort`. */
export const componentArguments = (apiPort: number) =>
  ({
    etcd: etcd(),
    'kube-apiserver': apiserver(apiPort),
    'kube-controller-manager': controllerManager(),
    'kube-scheduler': scheduler(),
  }) satisfies Partial<Record<ComponentName, string[]>>;
