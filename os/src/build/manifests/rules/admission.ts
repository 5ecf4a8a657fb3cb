import { isRecord } from '../fault.ts';
import { parseQuantity } from './quantity.ts';
import { type Container, type Faults, type Json, list, type Pod, record, text } from './view.ts';

/**
 * Rules of what kubelet reads without a complaint and then does not run: its admission of pods, its volumes and what
 * its runtime can start.
 */

/** Labels that each node has. */
const LABELS: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/os': ['linux'],
  'beta.kubernetes.io/os': ['linux'],
  'kubernetes.io/arch': ['amd64', 'arm64'],
  'beta.kubernetes.io/arch': ['amd64', 'arm64'],
};

const labelCondition = (path: string, label: string) => ({
  path,
  condition: `asks for the label ${label}, without which kubelet does not run the pod; labels of a bootstrap document give it`,
});

function* selectorFaults({ nodeSelector }: Pod['spec']): Faults {
  for (const [name, value] of Object.entries(record(nodeSelector))) {
    const path = `spec.nodeSelector[${name}]`;
    const own = Object.hasOwn(LABELS, name) ? LABELS[name] : undefined;
    if (own === undefined) {
      if (name !== 'kubernetes.io/hostname') yield labelCondition(path, `${name}=${text(value)}`);
    } else if (!own.includes(text(value)))
      yield { path, cause: `is ${JSON.stringify(value)}, and a node has only ${own.join(' or ')}` };
  }
}

function* affinityFaults({ affinity }: Pod['spec']): Faults {
  const at = 'requiredDuringSchedulingIgnoredDuringExecution';
  const { nodeSelectorTerms } = record(record(record(affinity)['nodeAffinity'])[at]);
  for (const [index, term] of list(nodeSelectorTerms).entries()) {
    const [first] = list(record(term)['matchExpressions']).filter((one) => {
      const { key, operator } = record(one);
      return (operator === 'In' || operator === 'Exists') && !Object.hasOwn(LABELS, text(key));
    });
    if (first !== undefined)
      yield labelCondition(
        `spec.affinity.nodeAffinity.${at}.nodeSelectorTerms[${index}]`,
        text(record(first)['key']),
      );
  }
}

/** Settings that belong to a pod, by their first letters: k8s.io/component-helpers/node/util/sysctl. */
const OF_A_POD = ['net.', 'kernel.shm', 'kernel.msg', 'fs.mqueue.'];
/** Those that kubelet admits by itself: k8s.io/kubernetes/pkg/kubelet/sysctl/safe_sysctls.go. */
const SAFE: readonly string[] = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
];

/** Returns a name with dots between its parts: both forms are in use, by the separator that comes first. */
const withDots = (name: string): string =>
  /^[^.]*\//.test(name) ? name.replaceAll(/[./]/g, (one) => (one === '/' ? '.' : '/')) : name;

function* sysctlFaults({ securityContext }: Pod): Faults {
  for (const [index, value] of list(securityContext['sysctls']).entries()) {
    const name = withDots(text(record(value)['name']));
    const path = `spec.securityContext.sysctls[${index}].name`;
    if (name !== 'kernel.sem' && !OF_A_POD.some((start) => name.startsWith(start)))
      yield {
        path,
        cause: `${name} is a setting of the whole host, and kubelet runs no pod that sets it`,
        advice: 'set it with sysctls of a bootstrap document (docs/settings.md)',
      };
    else if (!SAFE.includes(name))
      yield {
        path,
        condition: `${name} is set only if kubelet.config.allowedUnsafeSysctls of a bootstrap document has it; else kubelet does not run the pod`,
      };
  }
}

const GONE = 'is a volume that kubelet does not know any more: the pod would wait for it for good';
/** Sources of volumes that Kubernetes' API still has, and its kubelet cannot mount. */
const UNMOUNTABLE: Readonly<Record<string, string>> = {
  cephfs: GONE,
  flocker: GONE,
  photonPersistentDisk: GONE,
  quobyte: GONE,
  rbd: GONE,
  scaleIO: GONE,
  storageos: GONE,
  gitRepo: 'is a volume that kubelet does not fill any more: the pod would wait for it for good',
  iscsi: 'needs iscsiadm on the host, which a node does not have (docs/workloads.md)',
};
/** Sources of volumes that kubelet hands to a driver of the cluster. */
const BY_A_DRIVER = [
  'awsElasticBlockStore', 'azureDisk', 'cinder', 'gcePersistentDisk', 'portworxVolume', 'vsphereVolume',
] as const; // prettier-ignore

/** Where kubelet can make an empty folder: k8s.io/kubernetes/pkg/volume/emptydir. */
const MEDIUM = /^(?:|Memory|HugePages(?:-.+)?)$/;

function* mediumFaults(at: string, { emptyDir }: Json): Faults {
  const { medium } = record(emptyDir);
  if (!MEDIUM.test(text(medium)))
    yield {
      path: `${at}.emptyDir.medium`,
      cause: `is ${JSON.stringify(medium)}, with which kubelet does not start the pod`,
      advice: 'write Memory, HugePages-2Mi or HugePages-1Gi, or leave it out',
    };
}

function* volumeFaults({ volumes }: Pod): Faults {
  for (const { at, fields } of volumes) {
    yield* mediumFaults(at, fields);
    for (const [source, cause] of Object.entries(UNMOUNTABLE))
      if (source in fields) yield { path: `${at}.${source}`, cause };
    for (const source of BY_A_DRIVER)
      if (source in fields)
        yield {
          path: `${at}.${source}`,
          condition: 'is mounted only by the CSI driver of a cluster that the node has joined',
        };
  }
}

function* userFaults(pod: Pod, { at, securityContext }: Container): Faults {
  const given = (field: string): unknown => securityContext[field] ?? pod.securityContext[field];
  if (given('runAsNonRoot') === true && given('runAsUser') === 0)
    yield {
      path: `${at}.securityContext.runAsUser`,
      cause: 'is 0 beside runAsNonRoot, so kubelet does not start the container',
    };
}

/** No program starts in less, and somebody who writes `128m` means `128M`. */
const LEAST_MEMORY = 1024 * 1024;

function* memoryFaults({ at, fields }: Container): Faults {
  const { memory } = record(record(fields['resources'])['limits']);
  const bytes = memory === undefined ? undefined : parseQuantity(memory);
  if (bytes !== undefined && bytes > 0 && bytes < LEAST_MEMORY)
    yield {
      path: `${at}.resources.limits.memory`,
      cause: `is ${String(memory)}, in which no container starts`,
      advice: 'write megabytes as 128M, or as 128Mi',
    };
}

const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;

/** Yields probes that call a port by a name that the container does not give. */
function* portFaults({ at, fields }: Container): Faults {
  const names = list(fields['ports']).map((one) => record(one)['name']);
  for (const probe of PROBES)
    for (const way of ['httpGet', 'tcpSocket']) {
      const { port } = record(record(fields[probe])[way]);
      if (typeof port === 'string' && !names.includes(port))
        yield {
          path: `${at}.${probe}.${way}.port`,
          cause: `is ${JSON.stringify(port)}, which is the name of no port of the container`,
          effect: `is ${JSON.stringify(port)}, the name of no port of the container: the probe never succeeds`,
        };
    }
}

function* classFaults({ spec }: Pod): Faults {
  const name = text(spec['runtimeClassName']);
  if (name !== '')
    yield {
      path: 'spec.runtimeClassName',
      condition: `asks for the RuntimeClass ${name}, without which in its cluster kubelet does not start the pod; runc is the only runtime of a node`,
    };
  const system = isRecord(spec['os']) ? spec['os']['name'] : undefined;
  if (system === 'windows')
    yield { path: 'spec.os.name', cause: 'is windows, so kubelet does not run the pod' };
}

/** Yields what kubelet takes and does not run, or runs only on some nodes. */
export function* admissionFaults(pod: Pod): Faults {
  yield* classFaults(pod);
  yield* selectorFaults(pod.spec);
  yield* affinityFaults(pod.spec);
  yield* sysctlFaults(pod);
  yield* volumeFaults(pod);
  for (const container of pod.containers) {
    yield* userFaults(pod, container);
    yield* memoryFaults(container);
    yield* portFaults(container);
  }
}
