import { fieldError } from '../../faults/errors.ts';
import { nodeNameFault } from '../../node/node-name.ts';
import type { Warning } from '../parsed-document.ts';
import type { NodeBootstrap, TaintSpec } from '../schema.ts';

type NodeSpec = NonNullable<NodeBootstrap['node']>;

/** Splits `k=v` pairs at commas. */
function labelsOf(value: string): Record<string, string> {
  const pairs = value.split(',').filter((pair) => pair !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      return at === -1 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

const isEffect = (text: string | undefined): text is TaintSpec['effect'] =>
  text === 'NoSchedule' || text === 'PreferNoSchedule' || text === 'NoExecute';

/** Splits `key=value:Effect` or `key:Effect` at commas; undefined when one is neither. */
function taintsOf(value: string): readonly TaintSpec[] | undefined {
  const taints = value.split(',').map((item): TaintSpec | undefined => {
    const [, key, , text, effect] = /^([^=:]+)(=([^:]*))?:(\w+)$/.exec(item) ?? [];
    if (key === undefined || !isEffect(effect)) return undefined;
    return text === undefined ? { key, effect } : { key, value: text, effect };
  });
  const known = taints.filter((taint) => taint !== undefined);
  return known.length === taints.length ? known : undefined;
}

const whole = (value: string): number | undefined =>
  /^[1-9]\d*$/.test(value) ? Number(value) : undefined;

const FLAGS: Readonly<Record<string, (value: string) => NodeSpec | undefined>> = {
  'node-labels': (value) => ({ labels: labelsOf(value) }),
  'register-with-taints': (value) => {
    const taints = taintsOf(value);
    return taints && { taints: [...taints] };
  },
  'max-pods': (value) => {
    const maxPods = whole(value);
    return maxPods === undefined ? undefined : { maxPods };
  },
  'node-ip': (ip) => ({ ip }),
  'provider-id': (providerID) => ({ providerID }),
  'cloud-provider': (name) => (name === 'external' ? { cloudProvider: name } : undefined),
  'hostname-override': (name) => ({ name }),
};

/**
 * Converts kubelet's flags to fields of the node. A flag without a field is left out: our kubelet's command line is
 * fixed.
 */
export function nodeFromFlags(
  flags: readonly { readonly name: string; readonly value: string }[],
  path: string,
): { readonly node: NodeSpec; readonly warnings: readonly Warning[] } {
  let node: NodeSpec = {};
  const warnings: Warning[] = [];
  for (const { name, value } of flags) {
    const fault = name === 'hostname-override' ? nodeNameFault(value) : undefined;
    // Left out like another bad flag, the node would join under a name that nobody expects.
    if (fault !== undefined)
      throw fieldError(`read the bootstrap document: ${path}.${name}: ${fault}`);
    const part = FLAGS[name]?.(value);
    if (part === undefined)
      warnings.push({ path: `${path}.${name}`, why: 'it has no field here, or a wrong value' });
    const labels = { ...node.labels, ...part?.labels };
    node = { ...node, ...part, ...(Object.keys(labels).length > 0 ? { labels } : {}) };
  }
  return { node, warnings };
}
