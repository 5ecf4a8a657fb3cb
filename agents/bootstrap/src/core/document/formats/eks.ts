import { parse } from '@kios/agent/parse';
import * as v from 'valibot';

import { fieldError } from '../../faults/errors.ts';
import type { ParsedDocument, Warning } from '../parsed-document.ts';
import { map, text } from '../schema-parts.ts';
import { nodeFromFlags } from './flags.ts';
import { withHttpsPort } from './https-port.ts';

/** EKS's document in the user data of its nodes (nodeadm). */
const NodeConfig = v.object({
  spec: v.object(
    {
      cluster: v.object(
        { name: text, apiServerEndpoint: text, certificateAuthority: text, cidr: v.optional(text) },
        'must be a map',
      ),
      kubelet: v.optional(
        v.object({
          config: v.optional(map),
          flags: v.optional(v.array(v.string('must be text'), 'must be a list of texts'), []),
        }),
        {},
      ),
      containerd: v.optional(v.unknown()),
      instance: v.optional(v.unknown()),
      featureGates: v.optional(v.unknown()),
    },
    'must be a map',
  ),
});

/** Returns the tenth address of the cluster's services, where EKS puts its name server. */
function clusterDns(cidr: string | undefined): string | undefined {
  const four = /^(\d+\.\d+\.\d+)\.\d+\/\d+$/.exec(cidr ?? '');
  if (four !== null) return `${four[1]}.10`;
  const six = /^([0-9a-f:]+::)\/\d+$/i.exec(cidr ?? '');
  return six === null ? undefined : `${six[1]}a`;
}

function flagOf(flag: string): { name: string; value: string } {
  const [name = '', ...value] = flag.replace(/^--/, '').split('=');
  return { name, value: value.join('=') };
}

export function convertNodeConfig(source: string, input: unknown): ParsedDocument {
  const { spec } = parse(NodeConfig, source, input, fieldError);
  const { cluster, kubelet } = spec;
  const { node, warnings } = nodeFromFlags(kubelet.flags.map(flagOf), 'spec.kubelet.flags');
  const dns = clusterDns(cluster.cidr);
  const ignored = (['containerd', 'instance', 'featureGates'] as const)
    .filter((field) => spec[field] !== undefined)
    .map((field): Warning => ({ path: `spec.${field}`, why: 'it has no effect here' }));
  return {
    document: {
      apiVersion: 'kios.dev/v1',
      kind: 'NodeBootstrap',
      cluster: {
        name: cluster.name,
        endpoint: withHttpsPort(cluster.apiServerEndpoint),
        caBundle: cluster.certificateAuthority,
      },
      auth: { awsIamAuthenticator: { clusterId: cluster.name } },
      node,
      kubelet: {
        config: { ...(dns === undefined ? {} : { clusterDNS: [dns] }), ...kubelet.config },
      },
    },
    kind: 'NodeConfig',
    warnings: [...warnings, ...ignored],
  };
}
