import * as v from 'valibot';

import { labelValueFault, qualifiedNameFault } from '../node/labels.ts';
import { nodeNameFault } from '../node/node-name.ts';
import { KubeletConfig } from './kubelet-fields.ts';
import { Proxy } from './proxy.ts';
import { Registries } from './registries.ts';
import { anyText, issuePath, map, text, texts } from './schema-parts.ts';
import { doubleTaints, EFFECT_RULE, EFFECTS } from './taints.ts';

const textWithout = (
  fault: (value: string) => string | undefined,
): v.CheckAction<string, (issue: v.CheckIssue<string>) => string> =>
  v.check(
    (value) => fault(value) === undefined,
    ({ input }) => fault(input) ?? '',
  );

export const Taint = v.strictObject({
  key: v.pipe(text, textWithout(qualifiedNameFault)),
  value: v.optional(v.pipe(anyText, textWithout(labelValueFault))),
  effect: v.picklist(EFFECTS, EFFECT_RULE),
});
export type TaintSpec = v.InferOutput<typeof Taint>;

const Taints = v.pipe(
  v.array(Taint, 'must be a list'),
  v.rawCheck(({ dataset, addIssue }) => {
    for (const { path, why } of dataset.typed ? doubleTaints(dataset.value) : [])
      addIssue({ message: why, path: issuePath(path) });
  }),
);

/** Returns the rule that a value breaks, with its length where something tore it: the value may be a secret. */
function rule(value: string, whole: number, words: string): string {
  const isPiece = value.length < whole && /^[a-z0-9]+[.:]?[a-z0-9]*$/i.test(value);
  if (!isPiece && !/\s/.test(value)) return words;
  const what = isPiece ? `has ${value.length} of ${whole} characters` : 'has a blank in it';
  return `${what}; it ${words}. Where a line end tore it, put it on one line`;
}

export const CaCertHash = v.pipe(
  text,
  v.regex(/^sha256:[0-9a-f]{64}$/i, ({ input }) =>
    rule(input, 71, 'must be sha256: and 64 hexadecimal digits'),
  ),
  v.toLowerCase(),
);

/** How the cluster is found and verified. */
const Cluster = v.strictObject({
  name: v.optional(text),
  endpoint: v.optional(text),
  caBundle: v.optional(text),
  caCertHashes: v.optional(v.array(CaCertHash, 'must be a list of texts')),
  unsafeSkipCAVerification: v.optional(v.boolean('must be true or false')),
});

export const Token = v.pipe(
  text,
  v.regex(/^[a-z0-9]{6}\.[a-z0-9]{16}$/, ({ input }) =>
    rule(input, 23, 'must be 6 and 16 lower case letters or digits, with a dot between'),
  ),
);

/** A program of the agent's image: a name, never a path, so that a document cannot start anything else. */
const ProgramName = v.pipe(
  text,
  v.regex(/^[A-Za-z0-9][-A-Za-z0-9_.]*$/, 'must be the name of a program, without a path'),
);

const EnvVar = v.strictObject({ name: text, value: anyText });
const env = v.optional(v.array(EnvVar, 'must be a list'));

const Exec = v.strictObject({
  command: ProgramName,
  args: v.optional(v.array(anyText, 'must be a list of texts')),
  env,
  apiVersion: v.optional(
    v.picklist(
      ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'],
      'must be client.authentication.k8s.io/v1 or v1beta1',
    ),
    'client.authentication.k8s.io/v1',
  ),
});

const AUTH_KINDS = {
  bootstrapToken: v.optional(Token),
  bootstrapTokenFile: v.optional(text),
  kubeconfig: v.optional(text),
  clientCertificate: v.optional(v.strictObject({ cert: text, key: text })),
  exec: v.optional(Exec),
  awsIamAuthenticator: v.optional(v.strictObject({ clusterId: text, region: v.optional(text) })),
} as const;

/** Whether what needs a token has one beside it. */
const hasToken = (auth: {
  readonly bootstrapToken?: unknown;
  readonly bootstrapTokenFile?: unknown;
}) => (auth.bootstrapToken ?? auth.bootstrapTokenFile) !== undefined;

/**
 * Exactly one way to authenticate to the cluster. A second token may vouch for the cluster, as with kubeadm. With
 * `attest` the node proves what it has started before it gets its certificate.
 */
const Auth = v.pipe(
  v.strictObject({
    ...AUTH_KINDS,
    discoveryToken: v.optional(Token),
    attest: v.optional(v.boolean('must be true or false')),
  }),
  v.check(
    ({ discoveryToken: _other, attest: _attest, ...auth }) =>
      Object.values(auth).filter((value) => value !== undefined).length === 1,
    `must have exactly one of ${Object.keys(AUTH_KINDS).join(', ')}`,
  ),
  v.check(
    (auth) => auth.discoveryToken === undefined || hasToken(auth),
    'must have bootstrapToken or bootstrapTokenFile beside discoveryToken',
  ),
  v.check(
    (auth) => auth.attest !== true || hasToken(auth),
    'must have bootstrapToken or bootstrapTokenFile beside attest',
  ),
);
export type AuthSpec = v.InferOutput<typeof Auth>;

const nameFault = (name: string): string | undefined =>
  name === 'auto' ? undefined : nodeNameFault(name, 'must be auto or a DNS name');
export const NodeName = v.pipe(text, textWithout(nameFault));
const ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f.]*:[0-9a-f:.]+)$/i;
const isNodeIp = (ip: string): boolean =>
  ip === 'auto' || (ip.split(',').length <= 2 && ip.split(',').every((part) => ADDRESS.test(part)));

const Node = v.strictObject({
  name: v.optional(NodeName),
  /** The part of the metadata that names the node, where `name` does not. */
  nameFrom: v.optional(v.literal('instanceId', 'must be instanceId')),
  ip: v.optional(v.pipe(text, v.check(isNodeIp, 'must be auto, or one or two addresses'))),
  /** Checked one by one later: a bad label is dropped and the node joins without it. */
  labels: v.optional(map),
  taints: v.optional(Taints),
  providerID: v.optional(v.pipe(text, v.regex(/^[\x21-\x7e]+$/, 'must not have blanks'))),
  /** The cloud's own manager gives the node its addresses and labels, and takes its first taint away. */
  cloudProvider: v.optional(v.literal('external', 'must be external')),
  maxPods: v.optional(
    v.pipe(
      v.number('must be a number'),
      v.integer('must be whole'),
      v.minValue(1, 'must be 1 or more'),
    ),
  ),
});

/** kubelet.config.k8s.io/v1 CredentialProvider, with the usual defaults. */
const CredentialProvider = v.strictObject({
  name: ProgramName,
  matchImages: v.pipe(texts, v.minLength(1, 'must not be empty')),
  defaultCacheDuration: v.optional(
    v.pipe(text, v.regex(/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/, 'must be a duration such as 12h')),
    '12h',
  ),
  args: v.optional(v.array(anyText, 'must be a list of texts')),
  env,
});
export type CredentialProviderSpec = v.InferOutput<typeof CredentialProvider>;

const isMode = (mode: string): boolean =>
  /^0?[0-7]{3}$/.test(mode) && (Number.parseInt(mode, 8) & ~0o755) === 0;
const isBase64 = (packed: string): boolean =>
  packed.replaceAll(/\s+/g, '').length % 4 === 0 &&
  /^[A-Za-z0-9+/]*={0,2}$/.test(packed.replaceAll(/\s+/g, ''));

const File = v.pipe(
  v.strictObject({
    path: text,
    mode: v.optional(
      v.pipe(text, v.check(isMode, 'must be octal, 0755 at most, in quotes')),
      '0644',
    ),
    content: v.optional(anyText),
    contentBase64: v.optional(v.pipe(anyText, v.check(isBase64, 'is not base64'))),
  }),
  v.check(
    ({ content, contentBase64 }) => (content === undefined) !== (contentBase64 === undefined),
    'must have content or contentBase64',
  ),
);
export type FileSpec = v.InferOutput<typeof File>;

/** A NodeBootstrap document. Every section is optional, because several documents are merged. */
export const NodeBootstrap = v.strictObject({
  apiVersion: v.literal('kios.dev/v1', 'must be kios.dev/v1'),
  kind: v.literal('NodeBootstrap', 'must be NodeBootstrap'),
  cluster: v.optional(Cluster),
  auth: v.optional(Auth),
  node: v.optional(Node),
  kubelet: v.optional(v.strictObject({ config: v.optional(KubeletConfig) })),
  /** Checked one by one later: a bad setting is dropped and the others count. */
  sysctls: v.optional(map),
  credentialProviders: v.optional(v.array(CredentialProvider, 'must be a list')),
  registries: v.optional(Registries),
  proxy: v.optional(Proxy),
  /** Read by the rules of a network file, when one is found. */
  network: v.optional(map),
  files: v.optional(v.array(File, 'must be a list')),
});
export type NodeBootstrap = v.InferOutput<typeof NodeBootstrap>;
