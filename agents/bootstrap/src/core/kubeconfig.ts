import * as v from 'valibot';
import { parse, stringify } from 'yaml';

import { type BootstrapToken } from './jws.ts';

/** The kubeconfig with which kubelet asks for its certificate. `certificateAuthority` is a path on the host. */
export function formatBootstrapKubeconfig(
  endpoint: string,
  certificateAuthority: string,
  token: BootstrapToken,
): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'default',
        cluster: { server: endpoint, 'certificate-authority': certificateAuthority },
      },
    ],
    users: [{ name: 'default', user: { token: `${token.id}.${token.secret}` } }],
    contexts: [{ name: 'default', context: { cluster: 'default', user: 'default' } }],
    'current-context': 'default',
  });
}

const ClusterInfo = v.object({
  clusters: v.pipe(
    v.array(v.object({ cluster: v.object({ 'certificate-authority-data': v.string() }) })),
    v.length(1),
  ),
});

/** The CA in the kubeconfig of `kube-public/cluster-info`, as base64 of PEM; undefined when it is not such a file. */
export function clusterInfoCa(kubeconfig: string): string | undefined {
  let input: unknown;
  try {
    input = parse(kubeconfig, { maxAliasCount: 0 });
  } catch {
    return undefined;
  }
  const parsed = v.safeParse(ClusterInfo, input);
  return parsed.success
    ? parsed.output.clusters[0]?.cluster['certificate-authority-data']
    : undefined;
}

const KubeletConf = v.object({
  users: v.pipe(
    v.array(
      v.object({
        user: v.object({
          'client-certificate': v.optional(v.string()),
          'client-certificate-data': v.optional(v.string()),
        }),
      }),
    ),
    v.length(1),
  ),
});

/** Where kubelet.conf has its client certificate: a path, or the PEM itself. */
export function clientCertificateOf(
  kubeletConf: string,
): { readonly path: string } | { readonly pem: string } | undefined {
  let input: unknown;
  try {
    input = parse(kubeletConf, { maxAliasCount: 0 });
  } catch {
    return undefined;
  }
  const parsed = v.safeParse(KubeletConf, input);
  const user = parsed.success ? parsed.output.users[0]?.user : undefined;
  if (user?.['client-certificate'] !== undefined) return { path: user['client-certificate'] };
  const data = user?.['client-certificate-data'];
  return data === undefined ? undefined : { pem: atob(data) };
}
