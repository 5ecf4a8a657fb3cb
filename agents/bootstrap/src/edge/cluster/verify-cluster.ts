import type { Logger } from '@kios/agent';
import { describe } from '@kios/errors';

import type { ClusterConfig, Trust } from '../../core/cluster/cluster-config.ts';
import { type BootstrapToken, jwsFault } from '../../core/cluster/jws.ts';
import { clusterInfoCa } from '../../core/cluster/kubeconfig.ts';
import { parseCertificates } from '../../core/cluster/pem.ts';
import { BootstrapError } from '../../core/faults/errors.ts';
import { checkCertificate, publicKeyPin } from '../node/certificates.ts';
import type { ApiServer } from './api-server.ts';
import { openKube } from './kube-auth.ts';
import { StatusError } from './status-error.ts';

/** With the CA known, an API server that is down must not delay the node: kubelet waits for it better than we do. */
const BEST_EFFORT_MS = 3000;

const untrusted = (why: string): BootstrapError =>
  new BootstrapError('KIOS_BOOTSTRAP_UNTRUSTED', `verify the cluster: ${why}`);

/** Fails when the document has pins and no certificate matches one. As with kubeadm, one of the bundle suffices. */
export function checkPins(ca: readonly string[], trust: Trust): void {
  if (trust.pins.length === 0) return;
  const found = ca.map(publicKeyPin);
  if (!found.some((pin) => trust.pins.includes(pin)))
    throw untrusted(`its CA ${found.join(', ')} is not in caCertHashes`);
}

function readCa(encoded: string | undefined, what: string): readonly string[] {
  try {
    const ca = parseCertificates(encoded ?? '');
    for (const certificate of ca) checkCertificate(certificate);
    return ca;
  } catch (error) {
    throw untrusted(`the CA of ${what}: ${describe(error)}`);
  }
}

async function getClusterInfo(
  api: ApiServer,
  ca: readonly string[] | undefined,
): Promise<Readonly<Record<string, string>>> {
  const kube = await openKube(api, { ca });
  try {
    return await kube.clusterInfo();
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    const why = `read kube-public/cluster-info: ${error.message}`;
    throw new BootstrapError('KIOS_BOOTSTRAP_UNREACHABLE', why);
  }
}

/**
 * Discovers the CA as kubeadm does: any server may name it, if it signs with the token's secret; the CA must be pinned;
 * and the same bytes must come again over TLS verified with that CA.
 */
async function discover(
  cluster: ClusterConfig,
  token: BootstrapToken,
  api: ApiServer,
): Promise<readonly string[]> {
  const data = await getClusterInfo(api, undefined);
  const kubeconfig = data['kubeconfig'];
  const signature = data[`jws-kubeconfig-${token.id}`];
  if (kubeconfig === undefined) throw untrusted('its cluster-info has no kubeconfig');
  if (signature === undefined)
    throw new BootstrapError(
      'KIOS_BOOTSTRAP_UNSIGNED',
      `verify the cluster: it does not know token ${token.id} yet`,
    );
  const fault = await jwsFault(signature, kubeconfig, token);
  if (fault !== undefined) throw untrusted(`its cluster-info: ${fault}`);
  const ca = readCa(clusterInfoCa(kubeconfig), 'cluster-info');
  checkPins(ca, cluster.trust);
  const again = await getClusterInfo(api, ca);
  if (again['kubeconfig'] !== kubeconfig)
    throw untrusted('its cluster-info differs when read over verified TLS');
  return ca;
}

/**
 * Fails when the API server refuses the token. `/version` is open to everybody, but with a wrong token even it answers
 * 401.
 */
async function checkEntry(
  { auth }: ClusterConfig,
  api: ApiServer,
  ca: readonly string[],
  timeoutMs?: number,
): Promise<void> {
  const token = auth.kind === 'token' ? auth.token : undefined;
  const kube = await openKube(api, {
    ca,
    ...(token === undefined ? {} : { token: `${token.id}.${token.secret}` }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  try {
    await kube.version();
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    if (error.status === 401 && token !== undefined)
      throw new BootstrapError(
        'KIOS_BOOTSTRAP_TOKEN',
        `authenticate to the cluster: token ${token.id} is unknown, expired or not for authentication`,
      );
  }
}

const isUnreachable = (error: unknown): boolean =>
  error instanceof BootstrapError && error.code === 'KIOS_BOOTSTRAP_UNREACHABLE';

async function verifyBundle(
  cluster: ClusterConfig,
  api: ApiServer,
  log: Logger,
): Promise<readonly string[]> {
  const ca = readCa(cluster.trust.bundle.join(''), 'cluster.caBundle');
  checkPins(ca, cluster.trust);
  try {
    await checkEntry(cluster, api, ca, BEST_EFFORT_MS);
    log.info({ ev: 'cluster.verified', method: 'ca', console: true });
  } catch (err) {
    if (!isUnreachable(err)) throw err;
    log.warn({ ev: 'cluster.unverified', err });
  }
  return ca;
}

/**
 * Verifies the cluster and returns the CA certificates to trust. Only then may the node send its token to the endpoint.
 */
export async function verifyCluster(
  cluster: ClusterConfig,
  api: ApiServer,
  log: Logger,
): Promise<readonly string[]> {
  if (cluster.trust.bundle.length > 0) return verifyBundle(cluster, api, log);
  if (cluster.trust.skipVerification)
    log.error({ ev: 'cluster.unsafe', field: 'cluster.unsafeSkipCAVerification' });
  if (cluster.auth.kind !== 'token')
    throw untrusted('only a bootstrap token can vouch for a CA that the document does not have');
  const ca = await discover(cluster, cluster.auth.token, api);
  await checkEntry(cluster, api, ca);
  log.info({ ev: 'cluster.verified', method: 'token', console: true });
  return ca;
}
