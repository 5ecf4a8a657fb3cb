import { type ClusterConfig, readClusterConfig } from '../core/cluster/cluster-config.ts';
import { inSources } from '../core/document/in-sources.ts';
import { type Origin, originsOf } from '../core/document/merge.ts';
import type { Warning } from '../core/document/parsed-document.ts';
import type { OutputFile } from '../core/files/output-file.ts';
import { withoutPasswords } from '../core/files/registry-files.ts';
import { type ChosenName } from '../core/node/node-name.ts';
import { inspectPair } from '../edge/node/certificates.ts';
import { heldAuth, readNode } from '../edge/node/node.ts';
import { isSettling, readUplink } from '../edge/node/uplink.ts';
import { readCache } from '../edge/sources/metadata-cache.ts';
import { readPlatform } from '../edge/sources/platform.ts';
import { readSources } from '../edge/sources/sources.ts';
import type { JoinContext } from './context.ts';
import { filesOf } from './join-facts.ts';
import { pastOf } from './join-input.ts';
import { hostnameOf, nameNode } from './name-node.ts';
import { planNetwork } from './network.ts';

const UNKNOWN_CA = '# the CA of the cluster, once verified against caCertHashes\n';

/** The files `join` would write, and their origin. */
export interface Rendering {
  readonly provider: string;
  readonly providerBy: string;
  readonly from: readonly string[];
  readonly nodeName: ChosenName | undefined;
  /** The origin of each value of the document. */
  readonly values: readonly Origin[];
  readonly warnings: readonly Warning[];
  readonly files: readonly OutputFile[];
}

function withoutSecret(cluster: ClusterConfig | undefined): ClusterConfig | undefined {
  if (cluster === undefined) return undefined;
  const { auth } = cluster;
  if (auth.kind === 'token')
    return { ...cluster, auth: { ...auth, token: { ...auth.token, secret: '…' } } };
  if (auth.kind !== 'user') return cluster;
  const hidden = Object.keys(auth.user).filter((key) => key !== 'exec');
  const user = { ...auth.user, ...Object.fromEntries(hidden.map((key) => [key, '…'])) };
  return { ...cluster, auth: { ...auth, user } };
}

const knownCa = (cluster: ClusterConfig | undefined): readonly string[] => {
  const bundle = cluster?.trust.bundle ?? [];
  return bundle.length > 0 ? bundle : [UNKNOWN_CA];
};

/** Returns what `join` would write. It asks no network and changes nothing; secrets are replaced by `…`. */
export async function renderPlan(context: JoinContext): Promise<Rendering> {
  const { settings, log } = context;
  const node = await readNode(settings);
  const platform = await readPlatform(settings, pastOf(node));
  const kept = async (): ReturnType<typeof readCache> => readCache(settings, platform);
  const sources = await readSources(settings, platform, kept, log);
  const { document, parts } = sources;
  const common = {
    provider: platform.provider,
    providerBy: platform.by,
    from: parts.map(({ source }) => source),
    values: originsOf(parts),
    warnings: parts.flatMap(({ warnings }) => warnings),
  };
  if (document === undefined) return { ...common, nodeName: undefined, files: [] };
  const cluster = withoutSecret(
    await inSources(parts, () => readClusterConfig(document, inspectPair, heldAuth(node))),
  );
  const uplink = await readUplink(settings);
  const known = { document: withoutPasswords(document), cluster, node, sources };
  const isNew = node.kubeletConf === undefined;
  const nodeName = nameNode({ ...known, isNew, isCopy: false }, uplink);
  const others = filesOf(known, {
    ca: knownCa(cluster),
    server: undefined,
    hostname: hostnameOf(nodeName, node),
    addresses: uplink?.addresses ?? [],
    isSettling: await isSettling(),
    dropIdentity: false,
  });
  const network = await planNetwork(settings, document);
  return { ...common, nodeName, files: [...network, ...others] };
}
