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

const domainOf = (key: string): string | undefined =>
  key.includes('/') ? key.slice(0, key.indexOf('/')) : undefined;

/** Returns why a text is no name of a label or a taint. */
export function qualifiedNameFault(key: string): string | undefined {
  if (!NAME.test(key.slice(key.indexOf('/') + 1))) return 'not a label name';
  const domain = domainOf(key);
  if (domain === undefined) return undefined;
  return domain.length > 253 || !DOMAIN.test(domain) ? 'prefix is not a DNS name' : undefined;
}

/** Returns why a text is no value of a label or a taint. */
export const labelValueFault = (value: string): string | undefined =>
  value === '' || NAME.test(value) ? undefined : 'not a label value';

function keyFault(key: string): string | undefined {
  const fault = qualifiedNameFault(key);
  const domain = domainOf(key);
  if (fault !== undefined || domain === undefined) return fault;
  if (isReserved(domain) && !KUBELET_LABELS.has(key) && !isKubeletDomain(domain))
    return 'a kubelet may not set this label on its own node';
  return undefined;
}

const valueFault = (value: unknown): string | undefined =>
  typeof value === 'string' ? labelValueFault(value) : 'value must be text; put it in quotes';

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
