import type { ClusterConfig } from '../cluster/cluster-config.ts';
import { sameCluster } from '../cluster/identity.ts';
import type { NodeBootstrap } from '../document/schema.ts';
import { chooseNodeIp } from '../node/node-ip.ts';
import type { OutputFile } from './output-file.ts';
import { renderFiles } from './render.ts';
import type { JoinState } from './state.ts';

/** The part of the input that decides whether the network is asked. */
export interface PlanInput {
  readonly document: NodeBootstrap;
  readonly cluster: ClusterConfig | undefined;
  readonly inputHash: string;
  readonly instanceId: string;
  /** The source of the id had a fault. */
  readonly isIdUnread: boolean;
  /** The machine is not the one on which the node joined. */
  readonly isElsewhere: boolean;
  readonly state: JoinState | undefined;
  /** The kubeconfig on disk is the document's, or the node has its certificate. */
  readonly hasCredentials: boolean;
  readonly reEvaluate: boolean;
}

/**
 * Returns whether the node was configured for exactly this input and can still authenticate, so that the network need
 * not be asked.
 */
export function isConfigured(input: PlanInput): boolean {
  const { state, cluster } = input;
  if (input.reEvaluate || state === undefined) return false;
  if (state.phase === 'writing' || state.phase === 'rolled-back') return false;
  if (state.inputHash !== input.inputHash) return false;
  return cluster === undefined || input.hasCredentials;
}

function isCopied({ state, instanceId, isElsewhere }: PlanInput): boolean {
  if (state === undefined || state.instanceId === instanceId) return false;
  return isElsewhere || state.isIdUnread !== true;
}

/** Returns whether the node is to be another one than before: a copied disk, or `--re-evaluate`. */
export const isCopy = (input: PlanInput): boolean => input.reEvaluate || isCopied(input);

/** Returns whether the node's certificate is obsolete: a copied disk, another cluster, or `--re-evaluate`. */
export function isForeignIdentity(
  input: PlanInput,
  caBefore: readonly string[],
  caNow: readonly string[],
): boolean {
  // A cut in between has recorded the new id already.
  if (isCopy(input) || input.state?.dropIdentity === true) return true;
  return !sameCluster(caBefore, caNow);
}

export interface FileInput {
  readonly document: NodeBootstrap;
  readonly cluster: ClusterConfig | undefined;
  readonly ca: readonly string[];
  readonly hostname: string | undefined;
  /** The machine's addresses now, at most one of each family. */
  readonly addresses: readonly string[];
  /** The boot is too young for the network to be complete. */
  readonly isSettling: boolean;
  readonly nodeIpBefore: string | undefined;
  readonly hasIdentity: boolean;
  readonly hasKubeletConf: boolean;
  readonly joinedServer?: string | undefined;
  readonly platformId: string | undefined;
  /** The files of the document before, relative to /etc. */
  readonly userFilesBefore: readonly string[];
}

const CLUSTER_ONLY = /\/(?:pki\/ca\.crt|bootstrap-kubelet\.conf|20-cluster\.conf)$/;

/** Returns the files the node is to have, in the order of their writing. */
export function planFiles(input: FileInput): readonly OutputFile[] {
  const { document, cluster } = input;
  const files = renderFiles({
    document,
    cluster: cluster === undefined ? undefined : { ...cluster, ca: input.ca },
    hostname: input.hostname,
    nodeIp: chooseNodeIp({
      ...input,
      wanted: document.node?.ip,
      before: input.nodeIpBefore,
      endpoint: cluster?.endpoint,
    }),
    hasIdentity: input.hasIdentity,
    joinedServer: input.joinedServer,
    platformId: input.platformId,
  });
  const asked = new Set(files.map(({ path }) => path));
  const dropped = input.userFilesBefore.filter((path) => !asked.has(path));
  const all = [
    ...dropped.map((path) => ({ path, content: undefined, mode: 0o644, isUserFile: true })),
    ...files,
  ];
  // A joined node whose document lost its cluster stays joined: only `bootstrap reset` leaves a cluster.
  const stays = cluster === undefined && input.hasKubeletConf;
  return stays ? all.filter(({ path }) => !CLUSTER_ONLY.test(path)) : all;
}
