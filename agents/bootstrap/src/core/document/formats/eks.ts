import { parse } from '@kios/agent/parse';
import { formatIp, networkOf, parseCidr } from '@kios/network-config/ip';
import * as v from 'valibot';

import { fieldError } from '../../faults/errors.ts';
import { FLAGS } from '../kubelet-table.ts';
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

const NO_NETWORK = 'must be a network such as 172.20.0.0/16';
const isNetwork = (cidr: string): boolean => parseCidr(cidr) !== undefined;

/** What a template leaves in place of a value: of a shell, of Terraform, Helm and Ansible, and of a person. */
const PLACEHOLDER = /^(?:\$\{?\w+\}?|\{\{.*\}\}|<.*>|%\w+%)$/;

/** EKS gives a cluster letters, digits, `-` and `_` (CreateCluster in the API of EKS). */
function clusterNameFault(name: string): string | undefined {
  if (/^[\dA-Za-z][\w-]*$/.test(name)) return undefined;
  return PLACEHOLDER.test(name)
    ? `${name} is a placeholder; put the value in its place`
    : 'is not the name of an EKS cluster, which has letters, digits, - and _';
}

const clusterName = v.pipe(
  text,
  v.rawCheck(({ dataset, addIssue }) => {
    const fault = dataset.typed ? clusterNameFault(dataset.value) : undefined;
    if (fault !== undefined) addIssue({ message: fault });
  }),
);

/** EKS's document in the user data of its nodes (nodeadm, v1alpha1). */
const NodeConfig = v.object({
  apiVersion: v.string(),
  kind: v.string(),
  metadata: ignored,
  spec: v.optional(
    v.object({
      cluster: v.optional(
        v.object({
          name: v.optional(clusterName),
          apiServerEndpoint: v.optional(text),
          certificateAuthority: v.optional(text),
          cidr: v.optional(v.pipe(text, v.check(isNetwork, NO_NETWORK))),
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
        v.object({
          InstanceIdNodeName: gate,
          FastImagePull: gate,
          OSManagedNoManageENIs: gate,
          MemoryLimitMaxPods: gate,
        }),
        {},
      ),
      hybrid: ignored,
    }),
    {},
  ),
});
type Spec = v.InferOutput<typeof NodeConfig>['spec'];

type Fields = Readonly<Record<string, unknown>>;

/** A parsed text and where it comes from. */
interface Given {
  readonly source: string;
  readonly input: unknown;
}

const isNodeConfig = (input: unknown): input is Fields =>
  isMap(input) && input['apiVersion'] === 'node.eks.aws/v1alpha1' && input['kind'] === 'NodeConfig';

function flagsOf(config: Fields): readonly unknown[] | undefined {
  const spec = isMap(config['spec']) ? config['spec'] : {};
  const kubelet = isMap(spec['kubelet']) ? spec['kubelet'] : {};
  return Array.isArray(kubelet['flags']) ? kubelet['flags'] : undefined;
}

/** Returns a NodeConfig without what its cluster leaves empty: nodeadm's fields of the cluster have '' when unset. */
function withoutBlankCluster(config: Fields): Fields {
  const spec = isMap(config['spec']) ? config['spec'] : {};
  if (!isMap(spec['cluster'])) return config;
  const given = Object.entries(spec['cluster']).filter(([, value]) => value !== '');
  return { ...config, spec: { ...spec, cluster: Object.fromEntries(given) } };
}

/** Merges as nodeadm does: maps merge, the flags of both count, everything else is replaced. */
function mergeTwo(base: Fields, later: Fields): Fields {
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
  const services = cidr === undefined ? undefined : parseCidr(cidr);
  if (services === undefined) return undefined;
  const { family, value } = networkOf(services);
  return formatIp({ family, value: value + 10n });
}

/** Returns whether a value says nothing; Karpenter and eksctl write empty maps always. */
const isBlank = (value: unknown): boolean =>
  value === undefined ||
  value === '' ||
  (typeof value === 'object' && value !== null && Object.values(value).every(isBlank));

const NO_EFFECT = 'it has no effect here';

/** What a document of our own has for the settings of the instance. */
const IN_PLACE: Readonly<Record<string, string>> = {
  environment: `${NO_EFFECT}; a NodeBootstrap document has proxy for a web proxy`,
  network: `${NO_EFFECT}; a NodeBootstrap document has network`,
};

function idleFields({ cluster, kubelet, containerd, instance, featureGates }: Spec): Warning[] {
  const { InstanceIdNodeName: _name, ...gates } = featureGates;
  const fields: readonly (readonly [path: string, value: unknown, why?: string | undefined])[] = [
    ['spec.cluster.region', cluster.region],
    [
      'spec.kubelet.maxPodsExpression',
      kubelet.maxPodsExpression,
      'it is not evaluated here; set maxPods in spec.kubelet.config',
    ],
    ['spec.containerd', containerd],
    ...Object.entries(instance ?? {}).map(
      ([name, value]) => [`spec.instance.${name}`, value, IN_PLACE[name]] as const,
    ),
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

/** Returns an endpoint with its port, and with the scheme that kubelet takes for one without; a single word is none. */
function endpointOf(given: string): string {
  if (/^\w+:\/\//.test(given)) return withHttpsPort(given);
  return /[.:]/.test(given) ? withHttpsPort(`https://${given}`) : given;
}

/** Returns the cluster's fields, of which nodeadm requires these three. An unknown field may be the missing one. */
function readCluster(source: string, { cluster, hybrid }: Spec, unknown: readonly Warning[]) {
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
    ...(missing.length > 0 ? unknown : []).map(({ path, why }) => `${path}: ${why}`),
  ];
  if (faults.length > 0) throw fieldError(`read ${source}: ${faults.join('; ')}`);
  return {
    cluster: {
      name: name ?? '',
      endpoint: endpointOf(apiServerEndpoint ?? ''),
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

/** A word that is the name of a flag has lost its dashes, or has others. */
function strayRemedy(word: string): string {
  const [, name = ''] = /^[^\w]*([\w-]+)/.exec(word) ?? [];
  return Object.hasOwn(FLAGS, name) ? `write --${name}` : 'a value with blanks needs quotes';
}

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
    why: `${JSON.stringify(word.slice(0, 100))} belongs to no flag; ${strayRemedy(word)}`,
  }));
  return { node, warnings: [...warnings, ...loose] };
}

export function convertNodeConfig(source: string, given: unknown): ParsedDocument {
  const input = isMap(given) ? withoutBlankCluster(given) : given;
  const { spec } = parse(NodeConfig, source, input, fieldError);
  const unknown = unknownFields(NodeConfig, input);
  const { node, warnings } = readFlags(source, spec.kubelet.flags);
  const dns = clusterDns(spec.cluster.cidr);
  const isById = spec.featureGates.InstanceIdNodeName === true && node.name === undefined;
  return {
    document: {
      apiVersion: 'kios.dev/v1',
      kind: 'NodeBootstrap',
      ...readCluster(source, spec, unknown),
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
    warnings: [...warnings, ...idleFields(spec), ...unknown],
  };
}
