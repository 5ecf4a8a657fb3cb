import { parse } from '@kios/agent/parse';
import * as v from 'valibot';

import { fieldError } from '../../faults/errors.ts';
import { mergeMaps } from '../merge.ts';
import { withoutNulls } from '../nulls.ts';
import type { ParsedDocument, Warning } from '../parsed-document.ts';
import { anyText, isMap, map, text } from '../schema-parts.ts';
import { withoutTwins } from '../twins.ts';
import { unknownFields } from '../unknown-fields.ts';
import { parseArguments, splitWords } from './command-words.ts';
import { nodeFromFlags } from './flags.ts';
import { withHttpsPort } from './https-port.ts';

const ignored = v.optional(v.unknown());
const gate = v.optional(v.boolean('must be true or false'));

/** EKS's document in the user data of its nodes (nodeadm, v1alpha1). */
const NodeConfig = v.object({
  apiVersion: v.string(),
  kind: v.string(),
  metadata: ignored,
  spec: v.optional(
    v.object({
      cluster: v.optional(
        v.object({
          name: v.optional(text),
          apiServerEndpoint: v.optional(text),
          certificateAuthority: v.optional(text),
          cidr: v.optional(text),
          enableOutpost: gate,
          id: v.optional(text),
          region: ignored,
        }),
        {},
      ),
      kubelet: v.optional(
        v.object({
          config: v.optional(map, {}),
          flags: v.optional(v.array(anyText, 'must be a list of texts'), []),
          maxPodsExpression: ignored,
        }),
        {},
      ),
      containerd: v.optional(v.object({ config: ignored, baseRuntimeSpec: ignored })),
      instance: v.optional(
        v.object({
          localStorage: ignored,
          storage: ignored,
          environment: ignored,
          network: ignored,
        }),
      ),
      featureGates: v.optional(
        v.object({ InstanceIdNodeName: gate, FastImagePull: gate, OSManagedNoManageENIs: gate }),
        {},
      ),
      hybrid: ignored,
    }),
    {},
  ),
});
type Spec = v.InferOutput<typeof NodeConfig>['spec'];

/** A parsed text and where it comes from. */
interface Given {
  readonly source: string;
  readonly input: unknown;
}

const isNodeConfig = (input: unknown): input is Readonly<Record<string, unknown>> =>
  isMap(input) && input['apiVersion'] === 'node.eks.aws/v1alpha1' && input['kind'] === 'NodeConfig';

function flagsOf(config: Readonly<Record<string, unknown>>): readonly unknown[] | undefined {
  const spec = isMap(config['spec']) ? config['spec'] : {};
  const kubelet = isMap(spec['kubelet']) ? spec['kubelet'] : {};
  return Array.isArray(kubelet['flags']) ? kubelet['flags'] : undefined;
}

/** Returns a NodeConfig without what its cluster leaves empty: nodeadm's fields of the cluster have '' when unset. */
function withoutBlankCluster(
  config: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const spec = isMap(config['spec']) ? config['spec'] : {};
  if (!isMap(spec['cluster'])) return config;
  const given = Object.entries(spec['cluster']).filter(([, value]) => value !== '');
  return { ...config, spec: { ...spec, cluster: Object.fromEntries(given) } };
}

/** Merges as nodeadm does: maps merge, the flags of both count, everything else is replaced. */
function mergeTwo(
  base: Readonly<Record<string, unknown>>,
  later: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const merged = mergeMaps(base, withoutBlankCluster(later));
  const [before, after] = [flagsOf(base), flagsOf(later)];
  if (before === undefined || after === undefined) return merged;
  return mergeMaps(merged, { spec: { kubelet: { flags: [...before, ...after] } } });
}

/** Makes one of several NodeConfigs, which need to be complete only together. It has the place of the first. */
export function joinNodeConfigs(source: string, parts: readonly Given[]): readonly Given[] {
  const given = parts.map((part) => ({ ...part, input: withoutNulls(part.input) }));
  const [first, ...others] = given.map(({ input }) => input).filter(isNodeConfig);
  if (first === undefined || others.length === 0) return parts;
  const joined = { source, input: others.reduce(mergeTwo, first) };
  const at = given.findIndex(({ input }) => input === first);
  return given.flatMap((part, index) => {
    if (index === at) return [joined];
    return isNodeConfig(part.input) ? [] : [part];
  });
}

/** Returns the tenth address of the cluster's services, where EKS puts its name server. */
function clusterDns(cidr: string | undefined): string | undefined {
  const four = /^(\d+\.\d+\.\d+)\.\d+\/\d+$/.exec(cidr ?? '');
  if (four !== null) return `${four[1]}.10`;
  const six = /^([0-9a-f:]+::)\/\d+$/i.exec(cidr ?? '');
  return six === null ? undefined : `${six[1]}a`;
}

/** Returns whether a value says nothing; Karpenter and eksctl write empty maps always. */
const isBlank = (value: unknown): boolean =>
  value === undefined ||
  value === '' ||
  (typeof value === 'object' && value !== null && Object.values(value).every(isBlank));

const NO_EFFECT = 'it has no effect here';

function idleFields({ cluster, kubelet, containerd, instance, featureGates }: Spec): Warning[] {
  const { InstanceIdNodeName: _name, ...gates } = featureGates;
  const fields: readonly (readonly [path: string, value: unknown, why?: string])[] = [
    ['spec.cluster.region', cluster.region],
    [
      'spec.kubelet.maxPodsExpression',
      kubelet.maxPodsExpression,
      'it is not evaluated here; set maxPods in spec.kubelet.config',
    ],
    ['spec.containerd', containerd],
    ['spec.instance', instance],
    ...Object.entries(gates).map(
      ([name, isOn]) => [`spec.featureGates.${name}`, isOn === true || undefined] as const,
    ),
  ];
  return fields
    .filter(([, value]) => !isBlank(value))
    .map(([path, , why = NO_EFFECT]) => ({ path, why }));
}

const HYBRID =
  'hybrid nodes are not supported; give this node a NodeBootstrap document with a bootstrap token';

/** Returns the cluster's fields, of which nodeadm requires these three. */
function readCluster(source: string, { cluster, hybrid }: Spec) {
  const { name, apiServerEndpoint, certificateAuthority, enableOutpost, id } = cluster;
  const required: Readonly<Record<string, string | undefined>> = {
    name,
    apiServerEndpoint,
    certificateAuthority,
    ...(enableOutpost === true ? { id } : {}),
  };
  const missing = Object.keys(required).filter((field) => required[field] === undefined);
  const faults = [
    ...(isBlank(hybrid) ? [] : [`spec.hybrid: ${HYBRID}`]),
    ...missing.map((field) => `spec.cluster.${field}: is required`),
  ];
  if (faults.length > 0) throw fieldError(`read ${source}: ${faults.join('; ')}`);
  return {
    cluster: {
      name: name ?? '',
      endpoint: withHttpsPort(apiServerEndpoint ?? ''),
      caBundle: certificateAuthority ?? '',
    },
    // On an Outpost the cluster is known to the authenticator by its id.
    auth: {
      awsIamAuthenticator: { clusterId: (enableOutpost === true ? id : name) ?? '' },
    },
  };
}

/** Characters of all flags, of which people write some hundred. */
const MAX_FLAGS = 32_768;

function readFlags(source: string, flags: readonly string[]): ReturnType<typeof nodeFromFlags> {
  const path = 'spec.kubelet.flags';
  const line = flags.join(' ');
  const words = line.length > MAX_FLAGS ? undefined : splitWords(line);
  if (words === undefined) {
    const why = line.length > MAX_FLAGS ? 'have too many characters' : 'a quote is not closed';
    throw fieldError(`read ${source}: ${path}: ${why}`);
  }
  const { flags: found, strays } = parseArguments(words);
  const { node, warnings } = nodeFromFlags(found, { source, path, config: 'spec.kubelet.config' });
  const loose = strays.map((word): Warning => ({
    path,
    why: `${JSON.stringify(word.slice(0, 100))} belongs to no flag; a value with blanks needs quotes`,
  }));
  return { node, warnings: [...warnings, ...loose] };
}

export function convertNodeConfig(source: string, input: unknown): ParsedDocument {
  const { spec } = parse(NodeConfig, source, input, fieldError);
  const { node, warnings } = readFlags(source, spec.kubelet.flags);
  const dns = clusterDns(spec.cluster.cidr);
  const isById = spec.featureGates.InstanceIdNodeName === true && node.name === undefined;
  return {
    document: {
      apiVersion: 'kios.dev/v1',
      kind: 'NodeBootstrap',
      ...readCluster(source, spec),
      node: isById ? { ...node, nameFrom: 'instanceId' } : node,
      kubelet: {
        config: {
          ...(dns === undefined ? {} : { clusterDNS: [dns] }),
          // Kubelet prefers a flag to its field.
          ...withoutTwins(spec.kubelet.config, node),
        },
      },
    },
    kind: 'NodeConfig',
    warnings: [...warnings, ...idleFields(spec), ...unknownFields(NodeConfig, input)],
  };
}
