import { chooseNodeName, type ChosenName } from '../core/node-name.ts';
import { planFiles } from '../core/plan.ts';
import type { OutputFile } from '../core/render.ts';
import { readCluster, type WantedCluster } from '../core/wanted.ts';
import { hardwareId, readPrimaryLease } from './host.ts';
import type { JoinContext } from './join.ts';
import { readNode } from './node.ts';
import { readSources } from './sources.ts';

const UNKNOWN_CA = '# the CA of the cluster, once verified against caCertHashes\n';

/** What `join` would write. */
export interface Rendering {
  readonly from: readonly string[];
  readonly nodeName: ChosenName | undefined;
  readonly files: readonly OutputFile[];
}

const withoutSecret = (cluster: WantedCluster | undefined): WantedCluster | undefined =>
  cluster === undefined ? undefined : { ...cluster, token: { ...cluster.token, secret: '…' } };

const knownCa = (cluster: WantedCluster | undefined): readonly string[] => {
  const bundle = cluster?.trust.bundle ?? [];
  return bundle.length > 0 ? bundle : [UNKNOWN_CA];
};

/** Asks no network and changes nothing; the token's secret is left out. */
export async function renderPlan(context: JoinContext): Promise<Rendering> {
  const { settings, log } = context;
  const sources = await readSources(settings, log);
  const { document } = sources;
  if (document === undefined) return { from: [], nodeName: undefined, files: [] };
  const cluster = withoutSecret(readCluster(document));
  const node = await readNode(settings);
  const lease = await readPrimaryLease(settings);
  const nodeName = chooseNodeName({
    joined: node.identity,
    document: document.node?.name,
    provider: sources.metaData.hostname,
    dhcp: lease?.hostname,
    hardware: await hardwareId(settings, lease?.mac),
  });
  const files = planFiles({
    document,
    cluster,
    ca: knownCa(cluster),
    nodeName: nodeName.name,
    leaseAddress: lease?.address,
    nodeIpBefore: node.nodeIp,
    hasIdentity: node.identity !== undefined,
    hasKubeletConf: node.hasKubeletConf,
  });
  return { from: sources.from, nodeName, files };
}
