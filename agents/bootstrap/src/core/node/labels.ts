/** Reserved labels that a kubelet may set on its own node: k8s.io/kubelet pkg/apis/well_known_labels.go. */
const KUBELET_LABELS = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'node.kubernetes.io/instance-type',
  'beta.kubernetes.io/instance-type',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
]);

const within = (domain: string, parent: string): boolean =>
  domain === parent || domain.endsWith(`.${parent}`);

const isReserved = (domain: string): boolean =>
  within(domain, 'kubernetes.io') || within(domain, 'k8s.io');

const isKubeletDomain = (domain: string): boolean =>
  within(domain, 'kubelet.kubernetes.io') || within(domain, 'node.kubernetes.io');

const NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const DOMAIN = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*$/;

function keyFault(key: string): string | undefined {
  const slash = key.indexOf('/');
  if (!NAME.test(key.slice(slash + 1))) return 'not a label name';
  return slash === -1 ? undefined : prefixFault(key, key.slice(0, slash));
}

function prefixFault(key: string, domain: string): string | undefined {
  if (domain.length > 253 || !DOMAIN.test(domain)) return 'prefix is not a DNS name';
  if (isReserved(domain) && !KUBELET_LABELS.has(key) && !isKubeletDomain(domain))
    return 'a kubelet may not set this label on its own node';
  return undefined;
}

function valueFault(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'value must be text; put it in quotes';
  return value === '' || NAME.test(value) ? undefined : 'not a label value';
}

export interface CheckedLabels {
  /** Sorted by key. */
  readonly labels: readonly (readonly [key: string, value: string])[];
  readonly dropped: readonly { readonly key: string; readonly why: string }[];
}

/** Drops the labels that kubelet refuses: a single one of them keeps it from starting. */
export function checkLabels(wanted: Readonly<Record<string, unknown>>): CheckedLabels {
  const labels: [string, string][] = [];
  const dropped: { key: string; why: string }[] = [];
  for (const [key, value] of Object.entries(wanted)) {
    const why = keyFault(key) ?? valueFault(value);
    if (why === undefined) labels.push([key, String(value)]);
    else dropped.push({ key, why });
  }
  return { labels: labels.toSorted(([a], [b]) => (a < b ? -1 : 1)), dropped };
}
