import { type Fault, isRecord } from '../fault.ts';

export type Json = Readonly<Record<string, unknown>>;

/** Readers of data that the schema check judges: what has another type than expected counts as absent here. */
export const record = (value: unknown): Json => (isRecord(value) ? value : {});
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
export const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** A container with its place in the manifest, such as `spec.initContainers[0]`. */
export interface Container {
  readonly at: string;
  readonly name: string;
  readonly fields: Json;
  readonly securityContext: Json;
}

/** A volume with its place in the manifest. */
export interface Volume {
  readonly at: string;
  readonly name: string;
  readonly fields: Json;
}

/** A pod as the rules look at it. Init containers are containers like the others. */
export interface Pod {
  /** `NAMESPACE/NAME`, as the policy calls it. */
  readonly key: string;
  readonly metadata: Json;
  readonly spec: Json;
  readonly securityContext: Json;
  readonly containers: readonly Container[];
  readonly volumes: readonly Volume[];
}

/**
 * A fault that the policy can turn into a permission. It says what the pod could do with it, for the warning about a
 * pod that may do everything; nothing where `privileged` says it already.
 */
export interface Excess extends Fault {
  readonly power: string;
}

/** A fault by a rule that Kubernetes does not have. In a pod that only Kubernetes' rules bind it is worth knowing. */
export interface OwnRule extends Fault {
  /** What such a pod meets. */
  readonly effect: string;
}

/** What must be so on the node or in its cluster for the pod to run. Nobody can see that here, so it is reported. */
export interface Condition {
  readonly path: string;
  readonly condition: string;
}

/** A rule yields what is wrong with a pod. */
export type Found = Fault | Excess | OwnRule | Condition;
export type Faults = Generator<Found>;

export const isCondition = (found: Found): found is Condition => 'condition' in found;
export const isFault = (found: Found): found is Fault => 'cause' in found;
export const isExcess = (fault: Found): fault is Excess => 'power' in fault;
export const isOwnRule = (fault: Found): fault is OwnRule => 'effect' in fault;

/** Where the permissions are. */
export const POLICY_FILE = 'os/manifest-policy.yaml';

/** Returns the fault of a pod that has more than it may, with the line that would allow it. */
export function excess(
  { key }: Pod,
  { path, cause, need, power }: Fault & { readonly need: string; readonly power: string },
): Excess {
  return { path, cause, advice: `${POLICY_FILE} can allow ${key}: {${need}}`, power };
}

const CONTAINER_LISTS = ['initContainers', 'containers', 'ephemeralContainers'] as const;

/** Returns `NAMESPACE/NAME` of a pod's metadata. */
export const podKey = (metadata: Json): string =>
  `${text(metadata['namespace']) || 'default'}/${text(metadata['name'])}`;

export function viewOf(manifest: Json): Pod {
  const metadata = record(manifest['metadata']);
  const spec = record(manifest['spec']);
  const placed = (name: string): { at: string; name: string; fields: Json }[] =>
    list(spec[name]).map((value, index) => {
      const fields = record(value);
      return { at: `spec.${name}[${index}]`, name: text(fields['name']), fields };
    });
  return {
    key: podKey(metadata),
    metadata,
    spec,
    securityContext: record(spec['securityContext']),
    containers: CONTAINER_LISTS.flatMap(placed).map((container) => ({
      ...container,
      securityContext: record(container.fields['securityContext']),
    })),
    volumes: placed('volumes'),
  };
}

/** A port of the host that a pod takes, such as `port 80/TCP`; the empty address is each of the host. */
export interface HostPort {
  readonly at: string;
  readonly port: string;
  readonly address: string;
}

const ANY_ADDRESS: readonly string[] = ['0.0.0.0', '::'];

/** Returns the ports of the host that a pod's containers take. In the host's network each port is one of the host. */
export function hostPorts(spec: Json): HostPort[] {
  return list(spec['containers']).flatMap((container, at) =>
    list(record(container)['ports']).flatMap((value, index): HostPort[] => {
      const { hostPort, containerPort, hostIP, protocol } = record(value);
      const field =
        hostPort === undefined && spec['hostNetwork'] === true ? 'containerPort' : 'hostPort';
      const port = field === 'hostPort' ? hostPort : containerPort;
      if (typeof port !== 'number' || port === 0) return [];
      const address = text(hostIP);
      return [
        {
          at: `spec.containers[${at}].ports[${index}].${field}`,
          port: `port ${port}/${text(protocol) || 'TCP'}`,
          address: ANY_ADDRESS.includes(address) ? '' : address,
        },
      ];
    }),
  );
}
