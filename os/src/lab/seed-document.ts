import { stringify } from 'yaml';

/** The cluster that a node joins, and the means to verify it. */
export interface JoinInformation {
  readonly instanceId: string;
  readonly endpoint: string;
  readonly caCertHash: string;
  readonly token: string;
  readonly nodeName: string;
}

/** A join of a node that may be left to name itself. */
type AnyJoin = Omit<JoinInformation, 'nodeName'> & Partial<Pick<JoinInformation, 'nodeName'>>;

/** A file that a document puts on the node. */
export interface SeedFile {
  readonly path: string;
  readonly content: string;
}

/** What a document says besides the join. */
export interface SeedExtras {
  readonly files?: readonly SeedFile[];
  /** The node proves what it has started before it gets its certificate. */
  readonly attest?: boolean;
  /** The address in the cluster; without it, that of the default route. */
  readonly nodeIp?: string;
  /** As in a network file. */
  readonly network?: Readonly<Record<string, unknown>>;
  /** Fields of KubeletConfiguration. */
  readonly kubelet?: Readonly<Record<string, unknown>>;
  /** Settings of the kernel. */
  readonly sysctls?: Readonly<Record<string, number>>;
}

/** Returns a NoCloud seed whose user data is a NodeBootstrap document. */
export function seedFor(
  join: AnyJoin,
  { files = [], attest, nodeIp, network, kubelet, sysctls }: SeedExtras = {},
): Readonly<Record<'meta-data' | 'user-data', string>> {
  return {
    'meta-data': stringify({ 'instance-id': join.instanceId }),
    'user-data': stringify({
      apiVersion: 'kios.dev/v1',
      kind: 'NodeBootstrap',
      cluster: { name: 'kios', endpoint: join.endpoint, caCertHashes: [join.caCertHash] },
      auth: { bootstrapToken: join.token, attest },
      node: {
        ...(join.nodeName === undefined ? {} : { name: join.nodeName }),
        ...(nodeIp === undefined ? {} : { ip: nodeIp }),
        labels: { 'kios.dev/lab': 'true' },
      },
      ...(network === undefined ? {} : { network }),
      ...(kubelet === undefined ? {} : { kubelet: { config: kubelet } }),
      ...(sysctls === undefined ? {} : { sysctls }),
      ...(files.length === 0 ? {} : { files }),
    }),
  };
}
