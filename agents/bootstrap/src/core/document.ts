import { parse } from '@kios/agent/parse';
import * as v from 'valibot';

import { BootstrapError } from './errors.ts';
import { normaliseNodeName } from './node-name.ts';
import { parseYaml } from './yaml.ts';

// Every message is given: valibot's own quote the value, and values here may be secrets.
const text = v.pipe(v.string('must be text'), v.minLength(1, 'must not be empty'));
const texts = v.array(text, 'must be a list of texts');

const isMap = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
// Not v.record: it takes a list for a map.
const map = v.custom<Readonly<Record<string, unknown>>>(isMap, 'must be a map');

const Taint = v.strictObject({
  key: text,
  value: v.optional(v.string('must be text')),
  effect: v.picklist(
    ['NoSchedule', 'PreferNoSchedule', 'NoExecute'],
    'must be NoSchedule, PreferNoSchedule or NoExecute',
  ),
});

/** How the cluster is found and recognised. */
const Cluster = v.strictObject({
  name: v.optional(text),
  endpoint: v.optional(text),
  caBundle: v.optional(text),
  caCertHashes: v.optional(
    v.array(
      v.pipe(
        text,
        v.regex(/^sha256:[0-9a-f]{64}$/i, 'must be sha256: and 64 hexadecimal digits'),
        v.toLowerCase(),
      ),
      'must be a list of texts',
    ),
  ),
  unsafeSkipCAVerification: v.optional(v.boolean('must be true or false')),
});

const Auth = v.strictObject({
  bootstrapToken: v.pipe(
    text,
    v.regex(
      /^[a-z0-9]{6}\.[a-z0-9]{16}$/,
      'must be 6 and 16 lower case letters or digits, with a dot between',
    ),
  ),
});

const isNodeName = (name: string): boolean =>
  name === 'auto' || normaliseNodeName(name) !== undefined;
const ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f.]*:[0-9a-f:.]+)$/i;
const isNodeIp = (ip: string): boolean =>
  ip === 'auto' || (ip.split(',').length <= 2 && ip.split(',').every((part) => ADDRESS.test(part)));

const Node = v.strictObject({
  name: v.optional(v.pipe(text, v.check(isNodeName, 'must be auto or a DNS name'))),
  ip: v.optional(v.pipe(text, v.check(isNodeIp, 'must be auto, or one or two addresses'))),
  /** Checked one by one later: a bad label is dropped, the node joins without it. */
  labels: v.optional(map),
  taints: v.optional(v.array(Taint, 'must be a list')),
  providerID: v.optional(text),
  maxPods: v.optional(
    v.pipe(
      v.number('must be a number'),
      v.integer('must be whole'),
      v.minValue(1, 'must be 1 or more'),
    ),
  ),
});

/** A NodeBootstrap document, or a part of one: several are merged. */
export const NodeBootstrap = v.strictObject({
  apiVersion: v.literal('kios.dev/v1', 'must be kios.dev/v1'),
  kind: v.literal('NodeBootstrap', 'must be NodeBootstrap'),
  cluster: v.optional(Cluster),
  auth: v.optional(Auth),
  node: v.optional(Node),
  kubelet: v.optional(v.strictObject({ config: v.optional(map) })),
});
export type NodeBootstrap = v.InferOutput<typeof NodeBootstrap>;
export type TaintSpec = v.InferOutput<typeof Taint>;

/** What NoCloud calls meta-data; other keys are for other readers. */
const MetaData = v.object({
  'instance-id': v.optional(texts.item),
  'local-hostname': v.optional(texts.item),
});
export interface MetaData {
  readonly instanceId: string | undefined;
  readonly hostname: string | undefined;
}

const fieldError = (message: string): BootstrapError =>
  new BootstrapError('KIOS_BOOTSTRAP_FIELD', message);

/** Parses the text of one NodeBootstrap document; every fault names the path in it and the cause. */
export function parseNodeBootstrap(source: string, yaml: string): NodeBootstrap {
  return parse(NodeBootstrap, source, parseYaml(source, yaml), fieldError);
}

/** Parses NoCloud's meta-data. */
export function parseMetaData(source: string, yaml: string): MetaData {
  const data = parse(MetaData, source, parseYaml(source, yaml) ?? {}, fieldError);
  return { instanceId: data['instance-id'], hostname: data['local-hostname'] };
}
