import { parse } from '@kios/agent/parse';
import * as v from 'valibot';

import { authorityFault, withoutScheme } from '../../cluster/endpoint.ts';
import { fieldError } from '../../faults/errors.ts';
import { kindOf, Notes, type Path, type Shape, tidy } from '../fields.ts';
import type { ParsedDocument } from '../parsed-document.ts';
import { isMap, text } from '../schema-parts.ts';
import { type AuthSpec, CaCertHash, NodeName, Taint, Token } from '../schema.ts';
import type { Argument } from './command-words.ts';
import { nodeFromFlags } from './flags.ts';

/** The fields of kubeadm's v1beta3 and v1beta4. Those that concern only kubeadm's own work are left out in silence. */
const SHAPE: Shape = {
  map: {
    apiVersion: 'silent',
    kind: 'silent',
    discovery: {
      map: {
        bootstrapToken: {
          map: {
            apiServerEndpoint: 'value',
            token: 'value',
            caCertHashes: { list: 'value' },
            unsafeSkipCAVerification: 'value',
          },
        },
        tlsBootstrapToken: 'value',
        timeout: 'silent',
        file: {
          refused:
            'discovery by file is not for a node, which has no such file; use bootstrapToken with caCertHashes',
        },
      },
    },
    nodeRegistration: {
      map: {
        name: 'value',
        taints: {
          list: { map: { key: 'value', value: 'value', effect: 'value', timeAdded: 'silent' } },
        },
        kubeletExtraArgs: 'value',
        criSocket: 'silent',
        ignorePreflightErrors: 'idle',
        imagePullPolicy: 'idle',
        imagePullSerial: 'idle',
      },
    },
    controlPlane: { refused: 'a control plane cannot run here' },
    patches: 'idle',
    skipPhases: 'idle',
    dryRun: 'idle',
    caCertPath: 'silent',
    timeouts: 'silent',
  },
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

const ARGUMENT: Shape = { map: { name: 'value', value: 'value' } };

function argumentOf(input: unknown, notes: Notes, path: Path): Argument | undefined {
  const tidied = tidy(input, ARGUMENT, notes, path);
  if (!isMap(tidied)) return undefined;
  const item = { name: tidied['name'], value: tidied['value'] };
  if (isArgument(item)) return item;
  const field = typeof item.name === 'string' ? 'value' : 'name';
  const why = item[field] === undefined ? 'is required' : 'must be text; put it in quotes';
  return notes.fault([...path, field], why);
}

/** Reads kubelet's flags: a list since v1beta4, a map before that. People write them with and without dashes. */
function argumentsOf(input: unknown, notes: Notes): readonly Argument[] {
  const path = ['nodeRegistration', 'kubeletExtraArgs'];
  if (input === undefined) return [];
  if (isMap(input))
    return Object.entries(input)
      .filter(([, value]) => value !== null)
      .map(([name, value]): Argument => {
        if (typeof value !== 'string')
          notes.fault([...path, name], 'must be text; put it in quotes');
        return { name: name.replace(/^--/, ''), value: typeof value === 'string' ? value : '' };
      });
  if (!Array.isArray(input)) {
    notes.fault(
      path,
      `must be a list of name and value, or a map of texts, and is ${kindOf(input)}`,
    );
    return [];
  }
  return input
    .map((item: unknown, at) => argumentOf(item, notes, [...path, String(at)]))
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

const firstFault = (source: string, { faults, misspelt }: Notes): void => {
  if (faults.length > 0) throw fieldError(`read ${source}: ${[...faults, ...misspelt].join('; ')}`);
};

export function convertJoinConfiguration(source: string, input: unknown): ParsedDocument {
  const notes = new Notes();
  const tidied = tidy(input, SHAPE, notes);
  firstFault(source, notes);
  const { discovery, nodeRegistration } = parse(JoinConfiguration, source, tidied, (message) =>
    fieldError([message, ...notes.misspelt].join('; ')),
  );
  const { apiServerEndpoint, token, caCertHashes, unsafeSkipCAVerification } =
    discovery.bootstrapToken;
  const args = argumentsOf(nodeRegistration.kubeletExtraArgs, notes);
  const auth = tokenAuth(token, discovery.tlsBootstrapToken);
  if (auth === undefined) notes.fault(['discovery', 'bootstrapToken', 'token'], 'is required');
  firstFault(source, notes);
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
    warnings: [...notes.warnings, ...warnings],
  };
}
