import { parse } from '@kios/agent/parse';
import * as v from 'valibot';

import { authorityFault, withoutScheme } from '../../cluster/endpoint.ts';
import { fieldError } from '../../faults/errors.ts';
import type { ParsedDocument, Warning } from '../parsed-document.ts';
import { isMap, text } from '../schema-parts.ts';
import { type AuthSpec, CaCertHash, NodeName, Taint, Token } from '../schema.ts';
import { kindOf, type Misfit, type Path, Refused, type Shape, Walk } from '../shape.ts';
import type { Argument } from './command-words.ts';
import { nodeFromFlags } from './flags.ts';

/** The fields of kubeadm's v1beta3 and v1beta4. Those that concern only kubeadm's own work are left out in silence. */
const FIELDS: Readonly<Record<string, Shape>> = {
  apiVersion: 'silent',
  kind: 'silent',
  discovery: {
    bootstrapToken: {
      apiServerEndpoint: 'any',
      token: 'any',
      caCertHashes: ['any'],
      unsafeSkipCAVerification: 'any',
    },
    tlsBootstrapToken: 'any',
    timeout: 'silent',
    file: new Refused(
      'discovery by file is not for a node, which has no such file; use bootstrapToken with caCertHashes',
    ),
  },
  nodeRegistration: {
    name: 'any',
    taints: [{ key: 'any', value: 'any', effect: 'any', timeAdded: 'silent' }],
    kubeletExtraArgs: 'any',
    criSocket: 'silent',
    ignorePreflightErrors: 'idle',
    imagePullPolicy: 'idle',
    imagePullSerial: 'idle',
  },
  controlPlane: new Refused('a control plane cannot run here'),
  patches: 'idle',
  skipPhases: 'idle',
  dryRun: 'idle',
  caCertPath: 'silent',
  timeouts: 'silent',
};

const endpointFault = (endpoint: string): string | undefined =>
  authorityFault(withoutScheme(endpoint));
const Endpoint = v.pipe(
  text,
  v.check(
    (endpoint) => endpointFault(endpoint) === undefined,
    ({ input }) => `${endpointFault(input) ?? ''}; it is HOST:PORT`,
  ),
  v.transform(withoutScheme),
);

const JoinConfiguration = v.strictObject({
  discovery: v.strictObject({
    bootstrapToken: v.strictObject({
      apiServerEndpoint: Endpoint,
      token: v.optional(Token),
      caCertHashes: v.optional(v.array(CaCertHash, 'must be a list of texts')),
      unsafeSkipCAVerification: v.optional(v.boolean('must be true or false')),
    }),
    tlsBootstrapToken: v.optional(Token),
  }),
  nodeRegistration: v.optional(
    v.strictObject({
      name: v.optional(NodeName),
      taints: v.optional(v.array(Taint)),
      kubeletExtraArgs: v.optional(v.unknown()),
    }),
    {},
  ),
});

const isArgument = (item: { readonly name: unknown; readonly value: unknown }): item is Argument =>
  typeof item.name === 'string' && typeof item.value === 'string';

const ARGUMENT: Shape = { name: 'any', value: 'any' };

function argumentOf(input: unknown, walk: Walk, path: Path): Argument | undefined {
  const fitting = walk.fit(ARGUMENT, input, path);
  if (!isMap(fitting)) return undefined;
  const item = { name: fitting['name'], value: fitting['value'] };
  if (isArgument(item)) return item;
  const field = typeof item.name === 'string' ? 'value' : 'name';
  const why = item[field] === undefined ? 'is required' : 'must be text; put it in quotes';
  walk.wrong([...path, field], why);
  return undefined;
}

/** Reads kubelet's flags: a list since v1beta4, a map before that. People write them with and without dashes. */
function argumentsOf(input: unknown, walk: Walk): readonly Argument[] {
  const path: Path = ['nodeRegistration', 'kubeletExtraArgs'];
  if (input === undefined) return [];
  if (isMap(input))
    return Object.entries(input).map(([name, value]): Argument => {
      if (typeof value !== 'string') walk.wrong([...path, name], 'must be text; put it in quotes');
      return { name: name.replace(/^--/, ''), value: typeof value === 'string' ? value : '' };
    });
  if (!Array.isArray(input)) {
    walk.wrong(
      path,
      `must be a list of name and value, or a map of texts, and is ${kindOf(input)}`,
    );
    return [];
  }
  return input
    .map((item: unknown, at) => argumentOf(item, walk, [...path, String(at)]))
    .filter((argument) => argument !== undefined)
    .map(({ name, value }) => ({ name: name.replace(/^--/, ''), value }));
}

/**
 * Returns the credentials of kubeadm's two tokens: one vouches for the cluster, the other authenticates the node.
 * Mostly they are the same.
 */
export function tokenAuth(
  discovery: string | undefined,
  tlsBootstrap: string | undefined,
): AuthSpec | undefined {
  const bootstrapToken = tlsBootstrap ?? discovery;
  if (bootstrapToken === undefined) return undefined;
  const isOther = discovery !== undefined && discovery !== bootstrapToken;
  return { bootstrapToken, ...(isOther ? { discoveryToken: discovery } : {}) };
}

const told = ({ path, why }: Misfit): string => `${path.join('.')}: ${why}`;

/** Returns the unknown fields that are like a known one: the reason why that is missing. */
const misspelt = ({ misfits }: Walk): readonly string[] =>
  misfits
    .filter(({ kind, why }) => kind === 'unknown' && why.includes('; the nearest is '))
    .map(told);

function refuseWrong(source: string, walk: Walk): void {
  const faults = walk.misfits.filter(({ kind }) => kind === 'wrong').map(told);
  if (faults.length > 0)
    throw fieldError(`read ${source}: ${[...faults, ...misspelt(walk)].join('; ')}`);
}

const warningsOf = ({ misfits }: Walk): readonly Warning[] =>
  misfits.map(({ path, why }) => ({ path: path.join('.'), why }));

export function convertJoinConfiguration(source: string, input: unknown): ParsedDocument {
  const walk = new Walk();
  const fitting = walk.fitMap(FIELDS, isMap(input) ? input : {});
  refuseWrong(source, walk);
  const { discovery, nodeRegistration } = parse(JoinConfiguration, source, fitting, (message) =>
    fieldError([message, ...misspelt(walk)].join('; ')),
  );
  const { apiServerEndpoint, token, caCertHashes, unsafeSkipCAVerification } =
    discovery.bootstrapToken;
  const args = argumentsOf(nodeRegistration.kubeletExtraArgs, walk);
  const auth = tokenAuth(token, discovery.tlsBootstrapToken);
  if (auth === undefined) walk.wrong(['discovery', 'bootstrapToken', 'token'], 'is required');
  refuseWrong(source, walk);
  const { name, taints } = nodeRegistration;
  const { node, warnings } = nodeFromFlags(args, {
    source,
    path: 'nodeRegistration.kubeletExtraArgs',
  });
  return {
    document: {
      apiVersion: 'kios.dev/v1',
      kind: 'NodeBootstrap',
      cluster: {
        endpoint: `https://${apiServerEndpoint}`,
        ...(caCertHashes === undefined ? {} : { caCertHashes }),
        ...(unsafeSkipCAVerification === undefined ? {} : { unsafeSkipCAVerification }),
      },
      ...(auth === undefined ? {} : { auth }),
      node: {
        ...(name === undefined ? {} : { name }),
        ...(taints === undefined ? {} : { taints }),
        // With kubeadm, too, an argument of kubelet's overrides the field that becomes it.
        ...node,
      },
    },
    kind: 'JoinConfiguration',
    warnings: [...warningsOf(walk), ...warnings],
  };
}
