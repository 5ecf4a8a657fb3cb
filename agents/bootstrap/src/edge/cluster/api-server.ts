import { type ApiServer, openApiServer as open, type Reason } from '@kios/kube-api';

import { BootstrapError } from '../../core/faults/errors.ts';

export type { ApiAnswer, ApiRequest, ApiServer, ClientPair } from '@kios/kube-api';

const CODES = {
  late: 'KIOS_BOOTSTRAP_UNREACHABLE',
  unreachable: 'KIOS_BOOTSTRAP_UNREACHABLE',
  untrusted: 'KIOS_BOOTSTRAP_UNTRUSTED',
} as const;

/** What helps, where the reason says more than the code. */
const REMEDIES: Readonly<Partial<Record<Reason, string>>> = {
  authority:
    'Compare caCertHashes or caBundle with the CA of the cluster. A load balancer with a certificate of its own has to pass TLS through instead: the API server knows kubelet by its certificate.',
  name: 'Give cluster.endpoint an address that the certificate names, or add this one to it (`certSANs` of kubeadm, then `kubeadm init phase certs apiserver`).',
  early:
    'The clock of the node is behind: give the network a time server (DHCP option 42), or set the clock of the machine.',
  expired:
    'Renew the certificate of the API server (`kubeadm certs renew apiserver`); if it is valid, the clock of the node is ahead.',
  'no tls': 'Correct the port in cluster.endpoint: an API server replies by TLS.',
  unnamed:
    'Correct the name in cluster.endpoint, or the name servers of the network (DHCP option 6).',
  refused: 'Start the API server, or correct the port in cluster.endpoint.',
};

/** Opens an API server at `https://host:port`. */
export type OpenApi = (endpoint: string) => ApiServer;

/**
 * Opens the API server at `endpoint` (`https://host:port`). Its failures are BootstrapErrors: untrusted or unreachable.
 */
export const openApiServer = (
  endpoint: string,
  resolvConf: string,
  signal: AbortSignal,
): ApiServer =>
  open({
    endpoint,
    resolvConf,
    signal,
    failed: (fault, message, reason) =>
      new BootstrapError(CODES[fault], message, {
        isLate: fault === 'late',
        remedy: REMEDIES[reason],
      }),
  });
