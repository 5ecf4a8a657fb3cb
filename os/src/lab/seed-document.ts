import { stringify } from 'yaml';

/** How a node is told which cluster it belongs to and how to know it for the right one. */
export interface JoinInformation {
  readonly instanceId: string;
  readonly endpoint: string;
  readonly caCertHash: string;
  readonly token: string;
  readonly nodeName: string;
}

/** A NoCloud seed whose user data is a NodeBootstrap document. */
export function seedFor(
  join: JoinInformation,
): Readonly<Record<'meta-data' | 'user-data', string>> {
  return {
    'meta-data': stringify({ 'instance-id': join.instanceId }),
    'user-data': stringify({
      apiVersion: 'kios.dev/v1',
      kind: 'NodeBootstrap',
      cluster: { name: 'kios', endpoint: join.endpoint, caCertHashes: [join.caCertHash] },
      auth: { bootstrapToken: join.token },
      node: { name: join.nodeName, labels: { 'kios.dev/lab': 'true' } },
    }),
  };
}
