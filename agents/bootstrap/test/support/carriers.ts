/** Public facts about a made-up cluster, for documents of other programs. */
export const TOKEN = 'k1os01.4f6d2b8a9c3e7d10';
export const HASH = 'sha256:5cc4ddb7640966cd61a6793e0741a9247d29fe4c1c0ea758b19fc528e381ef00';
export const ENDPOINT = '192.0.2.10:6443';
export const LINE = `kubeadm join ${ENDPOINT} --token ${TOKEN} --discovery-token-ca-cert-hash ${HASH}`;

/** The configuration that Cluster API gives kubeadm, by its own serialiser: keys in the order of the alphabet. */
export const joinConfiguration = (registration = 'nodeRegistration:\n  kubeletExtraArgs:\n    node-labels: team=red\n'): string => `apiVersion: kubeadm.k8s.io/v1beta3
discovery:
  bootstrapToken:
    apiServerEndpoint: ${ENDPOINT}
    caCertHashes:
    - ${HASH}
    token: ${TOKEN}
kind: JoinConfiguration
${registration}`; // prettier-ignore

export const indent = (text: string, columns = 6): string =>
  text.replaceAll(/^(?=.)/gm, ' '.repeat(columns));

/** User data as the kubeadm provider of Cluster API renders it. */
export const clusterApi = (
  { registration, before = '', after = '' }: { registration?: string; before?: string; after?: string } = {},
): string => `## template: jinja
#cloud-config

write_files:
-   path: /run/kubeadm/kubeadm-join-config.yaml
    owner: root:root
    permissions: '0640'
    content: |
      ---
${indent(joinConfiguration(registration))}
-   path: /run/cluster-api/placeholder
    owner: root:root
    permissions: '0640'
    content: "This placeholder file is used to create the /run/cluster-api sub directory"
runcmd:
${before}  - kubeadm join --config /run/kubeadm/kubeadm-join-config.yaml  && echo success > /run/cluster-api/bootstrap-success.complete
${after}`; // prettier-ignore
