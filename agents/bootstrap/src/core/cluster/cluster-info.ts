import { BootstrapError } from '../faults/errors.ts';

/** The entries of the ConfigMap `kube-public/cluster-info`. */
export type InfoData = Readonly<Record<string, string>>;

const SIGNATURE = 'jws-kubeconfig-';
/** What a foreign server says must not fill a line. */
const MOST_NAMED = 5;

/** Returns the error for a ConfigMap that is there, and cannot be used. */
export const infoError = (why: string): BootstrapError =>
  new BootstrapError('KIOS_BOOTSTRAP_CLUSTER_INFO', `read kube-public/cluster-info: ${why}`, {
    remedy:
      'Correct the kubeconfig in that ConfigMap, or write it anew by `kubeadm init phase bootstrap-token` on a control plane.',
  });

/** What an API server's refusal of the ConfigMap means, and what helps. kubeadm lets everybody read it. */
const REFUSALS: Readonly<Record<number, { readonly why: string; readonly remedy?: string }>> = {
  401: {
    why: 'the API server takes no anonymous requests (401)',
    remedy:
      'Let the API server take anonymous requests for that path (`--anonymous-auth`, or `anonymous` in its AuthenticationConfiguration), or give the document caBundle in place of caCertHashes: then the node sends none.',
  },
  403: { why: 'anonymous requests may not read it (403)' },
  404: { why: 'there is none (404)' },
};

/** Returns the error for an answer that is not the ConfigMap. */
export function refusedInfo(status: number): BootstrapError {
  const refusal = REFUSALS[status];
  if (refusal === undefined)
    return new BootstrapError(
      'KIOS_BOOTSTRAP_UNREACHABLE',
      `read kube-public/cluster-info: the server answers ${status}`,
      { remedy: 'Check that cluster.endpoint is the API server, and that it is ready to serve.' },
    );
  const { why, remedy } = refusal;
  const message = `read kube-public/cluster-info: ${why}`;
  return new BootstrapError('KIOS_BOOTSTRAP_CLUSTER_INFO', message, { remedy });
}

/** Returns the token's signature of the kubeconfig; undefined when it has none. */
export const signatureOf = (data: InfoData, tokenId: string): string | undefined =>
  data[`${SIGNATURE}${tokenId}`];

/** Returns the error for a kubeconfig without this token's signature, which goes when the token expires. */
export function unsignedError(data: InfoData, tokenId: string): BootstrapError {
  const signers = Object.keys(data)
    .filter((key) => key.startsWith(SIGNATURE))
    .map((key) => key.slice(SIGNATURE.length, SIGNATURE.length + 6));
  const named = signers.slice(0, MOST_NAMED).join(', ');
  const others =
    signers.length === 0
      ? 'no token signs its cluster-info'
      : `its cluster-info is signed by ${named}`;
  return new BootstrapError(
    'KIOS_BOOTSTRAP_UNSIGNED',
    `verify the cluster: token ${tokenId} has expired, is unknown or not for signing; ${others}`,
  );
}
