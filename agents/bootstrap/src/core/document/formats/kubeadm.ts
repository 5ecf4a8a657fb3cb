import { parse } from '@kios/agent/parse';
import * as v from 'valibot';

import { fieldError } from '../../faults/errors.ts';
import type { ParsedDocument } from '../parsed-document.ts';
import { text } from '../schema-parts.ts';
import { CaCertHash, NodeName, Taint, Token } from '../schema.ts';
import { nodeFromFlags } from './flags.ts';

const Argument = v.strictObject({ name: text, value: v.string('must be text') });

/** The part of kubeadm's v1beta3 and v1beta4 that says which cluster a worker joins; the rest concerns only kubeadm. */
const JoinConfiguration = v.object({
  discovery: v.object(
    {
      bootstrapToken: v.object(
        {
          apiServerEndpoint: text,
          token: v.optional(Token),
          caCertHashes: v.optional(v.array(CaCertHash, 'must be a list of texts')),
          unsafeSkipCAVerification: v.optional(v.boolean('must be true or false')),
        },
        'must be a map; discovery by file is not supported',
      ),
      tlsBootstrapToken: v.optional(Token),
    },
    'must be a map',
  ),
  nodeRegistration: v.optional(
    v.object({
      name: v.optional(NodeName),
      taints: v.nullish(v.array(Taint, 'must be a list')),
      // A list since v1beta4, a map before that.
      kubeletExtraArgs: v.optional(
        v.union(
          [v.array(Argument), v.record(v.string(), v.string())],
          'must be a list of name and value, or a map of texts',
        ),
        [],
      ),
    }),
    {},
  ),
  controlPlane: v.optional(v.undefined('a control plane cannot run here')),
});

export function convertJoinConfiguration(source: string, input: unknown): ParsedDocument {
  const { discovery, nodeRegistration } = parse(JoinConfiguration, source, input, fieldError);
  const { apiServerEndpoint, token, caCertHashes, unsafeSkipCAVerification } =
    discovery.bootstrapToken;
  const bootstrapToken = discovery.tlsBootstrapToken ?? token;
  if (bootstrapToken === undefined)
    throw fieldError(`read ${source}: discovery.bootstrapToken.token: is required`);
  const { name, taints, kubeletExtraArgs } = nodeRegistration;
  const args = Array.isArray(kubeletExtraArgs)
    ? kubeletExtraArgs
    : Object.entries(kubeletExtraArgs).map(([key, value]) => ({ name: key, value }));
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
      auth: { bootstrapToken },
      node: {
        ...node,
        ...(name === undefined ? {} : { name }),
        ...(taints === undefined || taints === null ? {} : { taints }),
      },
    },
    kind: 'JoinConfiguration',
    warnings,
  };
}
