import { fieldError } from '../../faults/errors.ts';
import { nodeNameFault } from '../../node/node-name.ts';
import { FLAGS } from '../kubelet-table.ts';
import type { Warning } from '../parsed-document.ts';
import type { NodeBootstrap, TaintSpec } from '../schema.ts';
import { EFFECT_RULE, isEffect, taintFaults } from '../taints.ts';
import { unknownName } from '../unknown-field.ts';
import type { Argument } from './command-words.ts';

type NodeSpec = NonNullable<NodeBootstrap['node']>;

/** Splits at commas; kubelet passes over an empty item. */
const itemsOf = (value: string): readonly string[] =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

function labelsOf(value: string): Record<string, string> {
  return Object.fromEntries(
    itemsOf(value).map((pair) => {
      const at = pair.indexOf('=');
      return at === -1 ? [pair, ''] : [pair.slice(0, at).trimEnd(), pair.slice(at + 1).trimStart()];
    }),
  );
}

/** Reads `key=value:Effect` or `key:Effect`. */
function taintOf(item: string): TaintSpec | undefined {
  const [, key, , value, effect] = /^([^=:]+)(=([^=:]*))?:(\w+)$/.exec(item) ?? [];
  if (key === undefined || !isEffect(effect)) return undefined;
  return value === undefined ? { key, effect } : { key, value, effect };
}

/** A part of the node's fields, or why a value is not one. */
type Reading = NodeSpec | string;

function readTaints(value: string): Reading {
  const items = itemsOf(value);
  const taints = items.map(taintOf).filter((taint) => taint !== undefined);
  if (taints.length < items.length)
    return `must be key=value:Effect or key:Effect; the effect ${EFFECT_RULE}`;
  const [fault] = taintFaults(taints);
  return fault === undefined ? { taints } : `${fault.path.join('.')}: ${fault.why}`;
}

type Reader = (value: string) => Reading | undefined;

/** Kubelet takes these flags without a value for absent. */
const unlessEmpty =
  (read: Reader): Reader =>
  (value) =>
    value === '' ? {} : read(value);

/** How the flags are read that are fields of a node. */
const READERS: Readonly<Record<string, Reader>> = {
  'node-labels': (value) => ({ labels: labelsOf(value) }),
  'register-with-taints': readTaints,
  'max-pods': (value) =>
    /^[1-9]\d{0,8}$/.test(value)
      ? { maxPods: Number(value) }
      : 'must be a whole number of 1 or more',
  'node-ip': unlessEmpty((ip) => ({ ip: itemsOf(ip).join(',') })),
  'provider-id': unlessEmpty((providerID) => ({ providerID })),
  'cloud-provider': unlessEmpty((name) =>
    name === 'external' ? { cloudProvider: name } : undefined,
  ),
  // Left out like a flag without a field, the node would join under a name that nobody expects.
  'hostname-override': unlessEmpty((name) => nodeNameFault(name) ?? { name }),
};

/** Says why a flag has no effect: our kubelet's command line is fixed. */
function idleReason(name: string, config: string, earlier: number): string {
  const field = Object.hasOwn(FLAGS, name) ? FLAGS[name] : undefined;
  if (field === undefined)
    return unknownName(name, Object.keys(FLAGS), { what: 'a flag of kubelet', earlier });
  return field === ''
    ? 'it has no effect here'
    : `it has no effect here; its field is ${config}.${field}`;
}

/** Where flags stand, for messages. */
export interface FlagsPlace {
  readonly source: string;
  readonly path: string;
  /** The place of KubeletConfiguration's fields, where the form has one. */
  readonly config?: string;
}

/** Kubeadm and nodeadm hand flags on by a file of systemd's, where quotes around a value vanish. */
const unquoted = (value: string): string => value.replace(/^(["'])(.*)\1$/s, '$2');

/** Converts kubelet's flags to fields of the node. A flag without a field is left out with a warning. */
export function nodeFromFlags(
  flags: readonly Argument[],
  { source, path, config = 'kubelet.config' }: FlagsPlace,
): { readonly node: NodeSpec; readonly warnings: readonly Warning[] } {
  let node: NodeSpec = {};
  const warnings: Warning[] = [];
  for (const { name, value } of flags) {
    const place = `${path}.${name}`;
    const read = Object.hasOwn(READERS, name) ? READERS[name]?.(unquoted(value)) : undefined;
    if (typeof read === 'string') throw fieldError(`read ${source}: ${place}: ${read}`);
    if (read === undefined)
      warnings.push({ path: place, why: idleReason(name, config, warnings.length) });
    const labels = { ...node.labels, ...read?.labels };
    node = { ...node, ...read, ...(Object.keys(labels).length > 0 ? { labels } : {}) };
  }
  return { node, warnings };
}
