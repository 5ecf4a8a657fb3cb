import { type Container, type Faults, list, type Pod, record, text } from './view.ts';

/**
 * Rules of a pod without an API server. kubelet refuses a static pod that refers to an object there
 * (HasAPIObjectReference in k8s.io/kubernetes/pkg/api/pod) with one line in its log, and the pod never appears.
 */

const cannot = (object: string) => ({
  cause: `refers to ${object}, which a static pod cannot: kubelet refuses it`,
  advice: ADVICE[object] ?? 'leave it out',
});

/** Where else a static pod finds what an object would give it. */
const ADVICE: Readonly<Record<string, string>> = {
  'a Secret': 'mount a file of the host, such as one below /etc/kios/mine',
  'a ConfigMap': 'mount a file of the host, such as one below /etc/kios/mine',
  'a ServiceAccount': 'mount a kubeconfig of the host',
  'a PersistentVolumeClaim': 'use hostPath or emptyDir',
};

/** Sources of volumes and the objects that they need. */
const VOLUMES = {
  secret: 'a Secret',
  configMap: 'a ConfigMap',
  persistentVolumeClaim: 'a PersistentVolumeClaim',
  ephemeral: 'a PersistentVolumeClaim',
  csi: 'a CSIDriver',
  glusterfs: 'Endpoints',
  azureFile: 'a Secret',
} as const;

const PROJECTED = {
  secret: 'a Secret',
  configMap: 'a ConfigMap',
  serviceAccountToken: 'a ServiceAccount',
  clusterTrustBundle: 'a ClusterTrustBundle',
  podCertificate: 'a PodCertificateRequest',
} as const;

function* volumeFaults({ volumes }: Pod): Faults {
  for (const { at, fields } of volumes) {
    for (const [source, object] of Object.entries(VOLUMES))
      if (source in fields) yield { path: `${at}.${source}`, ...cannot(object) };
    for (const source of Object.keys(fields))
      for (const name of ['secretRef', 'nodePublishSecretRef'])
        if (name in record(fields[source]))
          yield { path: `${at}.${source}.${name}`, ...cannot('a Secret') };
    const { sources } = record(fields['projected']);
    for (const [index, value] of list(sources).entries())
      for (const [source, object] of Object.entries(PROJECTED))
        if (source in record(value))
          yield { path: `${at}.projected.sources[${index}].${source}`, ...cannot(object) };
  }
}

const REFERENCES = {
  secretKeyRef: 'a Secret',
  configMapKeyRef: 'a ConfigMap',
  secretRef: 'a Secret',
  configMapRef: 'a ConfigMap',
} as const;

function* environmentFaults({ at, fields }: Container): Faults {
  const places = [
    ...list(fields['env']).map((value, index) => [`env[${index}].valueFrom`, record(value)['valueFrom']] as const), // prettier-ignore
    ...list(fields['envFrom']).map((value, index) => [`envFrom[${index}]`, value] as const),
  ];
  for (const [place, value] of places)
    for (const [name, object] of Object.entries(REFERENCES))
      if (name in record(value)) yield { path: `${at}.${place}.${name}`, ...cannot(object) };
}

/** Yields what a pod wants from an API server. */
export function* apiObjectFaults(pod: Pod): Faults {
  const { spec } = pod;
  if (spec['automountServiceAccountToken'] === true)
    yield {
      path: 'spec.automountServiceAccountToken',
      cause: 'must not be true: a static pod has no service account',
      effect: 'has no effect: a static pod has no service account',
    };
  for (const name of ['serviceAccountName', 'serviceAccount'])
    if (text(spec[name]) !== '') yield { path: `spec.${name}`, ...cannot('a ServiceAccount') };
  if (list(spec['imagePullSecrets']).length > 0)
    yield { path: 'spec.imagePullSecrets', ...cannot('a Secret') };
  if (list(spec['resourceClaims']).length > 0)
    yield { path: 'spec.resourceClaims', ...cannot('a ResourceClaim') };
  if (list(spec['ephemeralContainers']).length > 0)
    yield {
      path: 'spec.ephemeralContainers',
      cause: 'must be empty: only a running pod gets them',
    };
  yield* volumeFaults(pod);
  for (const container of pod.containers) {
    yield* environmentFaults(container);
    if (list(container.fields['volumeDevices']).length > 0)
      yield {
        path: `${container.at}.volumeDevices`,
        ...cannot('a PersistentVolumeClaim'),
      };
  }
}
