import { REGISTRY } from '../shipped.ts';
import { isRecord, type Fault } from './schema.ts';

/** The capabilities and images that static pods may use. */
export interface Policy {
  /** Capabilities that the containers of a pod may add, by the pod's name. */
  readonly capabilities: Readonly<Record<string, readonly string[]>>;
  /** Images that ship with the node. */
  readonly images: readonly string[];
}

const SHIPPED = `${REGISTRY}/`;
/** Annotation that init reads: a pod with the value `first` starts before the others (docs/host-api.md section 4). */
const START = 'kios.dev/start';
const CONTAINER_LISTS = ['initContainers', 'containers'] as const;

type Json = Record<string, unknown>;

const record = (value: unknown): Json => (isRecord(value) ? value : {});
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const seccompType = (context: Json): unknown => record(context['seccompProfile'])['type'];

function* imageFaults(container: Json, at: string, policy: Policy): Generator<Fault> {
  const image = container['image'];
  if (typeof image !== 'string') return; // The schema check reports this.
  const path = `${at}.image`;
  if (image.startsWith(SHIPPED)) {
    if (!policy.images.includes(image))
      yield {
        path,
        cause: `${image} does not ship with the node; its images are ${policy.images.join(', ')}`,
      };
    return;
  }
  if (container['imagePullPolicy'] === 'Never')
    yield {
      path,
      cause: `${image} does not ship with the node, and imagePullPolicy Never forbids pulling it`,
    };
  if (!/[:@][^/]+$/.test(image) || image.endsWith(':latest'))
    yield {
      path,
      cause: `${image} has no fixed version: use a tag other than latest, or a digest`,
    };
}

function* capabilityFaults(
  context: Json,
  at: string,
  allowed: readonly string[],
): Generator<Fault> {
  const capabilities = record(context['capabilities']);
  if (!list(capabilities['drop']).includes('ALL'))
    yield {
      path: `${at}.capabilities.drop`,
      cause: 'must contain ALL; list the needed ones under add',
    };
  for (const [index, name] of list(capabilities['add']).entries())
    if (!allowed.includes(String(name)))
      yield {
        path: `${at}.capabilities.add[${index}]`,
        cause: `${String(name)} is not among the capabilities that os/manifest-policy.yaml allows this pod`,
      };
}

function* containerFaults(
  container: Json,
  at: string,
  pod: Json,
  policy: Policy,
): Generator<Fault> {
  yield* imageFaults(container, at, policy);
  const context = record(container['securityContext']);
  const path = `${at}.securityContext`;
  const name = String(record(pod['metadata'])['name']);
  if (context['privileged'] === true)
    yield { path: `${path}.privileged`, cause: 'must not be true' };
  if (context['allowPrivilegeEscalation'] !== false)
    yield { path: `${path}.allowPrivilegeEscalation`, cause: 'must be false' };
  if (context['readOnlyRootFilesystem'] !== true)
    yield { path: `${path}.readOnlyRootFilesystem`, cause: 'must be true' };
  const podContext = record(record(pod['spec'])['securityContext']);
  const seccomp = seccompType(context) ?? seccompType(podContext);
  if (seccomp !== 'RuntimeDefault' && seccomp !== 'Localhost')
    yield { path: `${path}.seccompProfile.type`, cause: 'must be RuntimeDefault' };
  yield* capabilityFaults(context, path, policy.capabilities[name] ?? []);
}

/** Yields the faults that the Kubernetes schema allows but kiOS does not in a pod that starts at boot. */
export function* policyFaults(pod: unknown, policy: Policy): Generator<Fault> {
  const metadata = record(record(pod)['metadata']);
  const spec = record(record(pod)['spec']);
  if (typeof metadata['name'] !== 'string') yield { path: 'metadata.name', cause: 'is missing' };
  if ('uid' in metadata)
    yield { path: 'metadata.uid', cause: 'must not be set: the build derives it from the content' };
  const start = record(metadata['annotations'])[START];
  if (start !== undefined && start !== 'first')
    yield { path: `metadata.annotations["${START}"]`, cause: 'must be first or left out' };
  if (spec['automountServiceAccountToken'] !== false)
    yield {
      path: 'spec.automountServiceAccountToken',
      cause: 'must be false: a static pod has no service account',
    };
  for (const name of CONTAINER_LISTS)
    for (const [index, container] of list(spec[name]).entries())
      yield* containerFaults(record(container), `spec.${name}[${index}]`, record(pod), policy);
}
