import { stringify } from 'yaml';

import type { KeyedCertificate } from './certificates.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

export interface KubeconfigRequest {
  readonly server: string;
  readonly caPem: string;
  readonly user: string;
  readonly credentials: KeyedCertificate;
}

/** Formats a kubeconfig that refers to no other file. */
export function formatKubeconfig({ server, caPem, user, credentials }: KubeconfigRequest): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'kios', cluster: { server, 'certificate-authority-data': base64(caPem) } }],
    users: [
      {
        name: user,
        user: {
          'client-certificate-data': base64(credentials.certificate),
          'client-key-data': base64(credentials.key),
        },
      },
    ],
    contexts: [{ name: `${user}@kios`, context: { cluster: 'kios', user } }],
    'current-context': `${user}@kios`,
  });
}

/** Formats the kubeconfig without credentials of the public map `cluster-info` (kubeadm, token-based discovery). */
export function formatClusterInfo(server: string, caPem: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: '', cluster: { server, 'certificate-authority-data': base64(caPem) } }],
    contexts: null,
    'current-context': '',
    preferences: {},
    users: null,
  });
}
