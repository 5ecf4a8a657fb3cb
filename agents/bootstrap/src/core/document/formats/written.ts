type Places = readonly (readonly [ours: string, written: string])[];

const flagsBelow = (place: string): Places => [
  ['node.name', `${place}.hostname-override`],
  ['node.ip', `${place}.node-ip`],
  ['node.labels', `${place}.node-labels`],
  ['node.taints', `${place}.register-with-taints`],
  ['node.providerID', `${place}.provider-id`],
  ['node.maxPods', `${place}.max-pods`],
];

const BOOTSTRAP_TOKEN = 'discovery.bootstrapToken';

/** Where a field of our own document stands in the form that it was converted from. The first that fits counts. */
const WRITTEN: Readonly<Record<string, Places>> = {
  NodeConfig: [
    ['cluster.name', 'spec.cluster.name'],
    ['cluster.endpoint', 'spec.cluster.apiServerEndpoint'],
    ['cluster.caBundle', 'spec.cluster.certificateAuthority'],
    ['auth', 'spec.cluster.name'],
    ['kubelet.config', 'spec.kubelet.config'],
    ...flagsBelow('spec.kubelet.flags'),
  ],
  JoinConfiguration: [
    ['cluster.endpoint', `${BOOTSTRAP_TOKEN}.apiServerEndpoint`],
    ['cluster.caCertHashes', `${BOOTSTRAP_TOKEN}.caCertHashes`],
    ['cluster.unsafeSkipCAVerification', `${BOOTSTRAP_TOKEN}.unsafeSkipCAVerification`],
    ['auth.bootstrapToken', 'discovery.tlsBootstrapToken'],
    // Those of the flags are checked before.
    ['node.taints', 'nodeRegistration.taints'],
    ...flagsBelow('nodeRegistration.kubeletExtraArgs'),
  ],
  'kubeadm join': [
    ['cluster.endpoint', 'the address after kubeadm join'],
    ['cluster.caCertHashes', '--discovery-token-ca-cert-hash'],
    ['cluster.unsafeSkipCAVerification', '--discovery-token-unsafe-skip-ca-verification'],
    ['auth.bootstrapToken', '--tls-bootstrap-token'],
    ['node.name', '--node-name'],
  ],
  MetadataInformation: [
    ['cluster.name', 'apiServer.name'],
    ['cluster.endpoint', 'apiServer.endpoint'],
    ['cluster.caBundle', 'apiServer.b64ClusterCA'],
    ['auth', 'apiServer.name'],
    ['kubelet.config', 'node.kubeletConfiguration'],
  ],
};

/** Returns the path in a form of a path in our own document. */
export function writtenAt(kind: string, path: string): string {
  const form = kind.replace(/^(?:(?:MIME|cloud-config), )+/, '');
  const place = (WRITTEN[form] ?? []).find(
    ([ours]) => path === ours || path.startsWith(`${ours}.`),
  );
  if (place === undefined) return path;
  const [ours, written] = place;
  return `${written}${path.slice(ours.length)}`;
}
