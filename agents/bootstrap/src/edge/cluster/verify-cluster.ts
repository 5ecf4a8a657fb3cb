import type { Logger } from '@kios/agent';

import type { ClusterConfig } from '../../core/cluster/cluster-config.ts';
import type { BootstrapToken } from '../../core/cluster/jws.ts';
import { BootstrapError, hasCode } from '../../core/faults/errors.ts';
import type { ClockTrust } from '../node/clock.ts';
import type { ApiServer, OpenApi } from './api-server.ts';
import { discover, type Discovered } from './discover.ts';
import { checkEntry } from './entry.ts';
import { checkPins, readCa, untrusted } from './trust.ts';

/** With the CA known, an API server that is down must not delay the node: kubelet waits for it better than we do. */
const BEST_EFFORT_MS = 3000;

interface Options {
  /** The node is to leave a cluster for this one, which therefore must have answered. */
  readonly isMove?: boolean;
  /** By a guessed clock no certificate is trusted that the API server has not shown. */
  readonly clock?: ClockTrust;
}

/** The cluster, verified. */
export interface Verified {
  /** The CA certificates to trust. */
  readonly ca: readonly string[];
  /** The API server for kubelet, where it is another than the document's. */
  readonly server: string | undefined;
}

async function verifyBundle(
  cluster: ClusterConfig,
  api: ApiServer,
  log: Logger,
  { isMove = false, clock }: Options,
): Promise<readonly string[]> {
  const needsAnswer = isMove || clock === 'guessed';
  const ca = readCa(cluster.trust.bundle.join(''), 'cluster.caBundle');
  checkPins(ca, cluster.trust);
  try {
    const access = needsAnswer ? { ca } : { ca, timeoutMs: BEST_EFFORT_MS };
    await checkEntry(cluster, api, access, isMove);
    log.info({ ev: 'cluster.verified', method: 'ca', console: true });
  } catch (err) {
    if (needsAnswer || !hasCode(err, 'KIOS_BOOTSTRAP_UNREACHABLE')) throw err;
    log.warn({ ev: 'cluster.unverified', err });
  }
  return ca;
}

const OTHER_SERVER =
  "Make that address reachable and part of the API server's certificate, or correct `server` in kube-public/cluster-info. With caBundle in place of caCertHashes the node stays with the address of the document.";

/** Fails as the API server that cluster-info names does, and says that it is that one. */
async function checkAnnounced(
  cluster: ClusterConfig,
  server: string,
  entry: Promise<void>,
): Promise<void> {
  try {
    await entry;
  } catch (cause) {
    const isOfServer =
      hasCode(cause, 'KIOS_BOOTSTRAP_UNREACHABLE') || hasCode(cause, 'KIOS_BOOTSTRAP_UNTRUSTED');
    if (!isOfServer) throw cause;
    const message = `use ${server}, which the cluster-info of ${cluster.endpoint} names`;
    const options = { cause, remedy: OTHER_SERVER };
    throw new BootstrapError('KIOS_BOOTSTRAP_CLUSTER_INFO', message, options);
  }
}

/** Says which API server kubelet gets, where the document and cluster-info do not agree. */
function reportServer({ endpoint }: ClusterConfig, { server, why }: Discovered, log: Logger): void {
  if (server === undefined)
    log.warn({ ev: 'cluster.server', server: endpoint, why: `cluster-info: ${why}` });
  else if (server !== endpoint)
    log.info({ ev: 'cluster.server', server, given: endpoint, console: true });
}

/**
 * Verifies a cluster by its cluster-info. As with kubeadm kubelet gets the server that it names: the document may have
 * the address of one control plane, and the cluster that of all.
 */
async function verifyToken(
  cluster: ClusterConfig,
  token: BootstrapToken,
  open: OpenApi,
  log: Logger,
  isMove: boolean,
): Promise<Verified> {
  const { endpoint } = cluster;
  const api = open(endpoint);
  const discovered = await discover(cluster, token, api);
  const { ca, server = endpoint } = discovered;
  if (server === endpoint) await checkEntry(cluster, api, { ca }, isMove);
  else await checkAnnounced(cluster, server, checkEntry(cluster, open(server), { ca }, isMove));
  reportServer(cluster, discovered, log);
  log.info({ ev: 'cluster.verified', method: 'token', console: true });
  return { ca, server: server === endpoint ? undefined : server };
}

/**
 * Verifies the cluster and returns what to trust. Only then may the node send its token to an API server, and to none
 * that does not show a certificate of that CA.
 */
export async function verifyCluster(
  cluster: ClusterConfig,
  open: OpenApi,
  log: Logger,
  options: Options = {},
): Promise<Verified> {
  const { trust, auth, endpoint } = cluster;
  if (trust.bundle.length > 0)
    return { ca: await verifyBundle(cluster, open(endpoint), log, options), server: undefined };
  if (trust.skipVerification)
    log.error({ ev: 'cluster.unsafe', field: 'cluster.unsafeSkipCAVerification' });
  if (auth.kind !== 'token')
    throw untrusted('only a bootstrap token can vouch for a CA that the document does not have');
  const { token, discovery = token } = auth;
  return verifyToken(cluster, discovery, open, log, options.isMove === true);
}
