import type { Logger } from '@kios/agent';
import { describe } from '@kios/errors';

import type { ClusterAuth } from '../../core/cluster/auth.ts';
import type { ClusterConfig, Trust } from '../../core/cluster/cluster-config.ts';
import { type BootstrapToken, jwsFault } from '../../core/cluster/jws.ts';
import { clusterInfoCa } from '../../core/cluster/kubeconfig.ts';
import { parseCertificates } from '../../core/cluster/pem.ts';
import { BootstrapError, hasCode } from '../../core/faults/errors.ts';
import { checkCertificate, publicKeyPin } from '../node/certificates.ts';
import type { ClockTrust } from '../node/clock.ts';
import type { ApiServer } from './api-server.ts';
import { openKube } from './kube-auth.ts';
import type { Access, Caller } from './kube-client.ts';
import { StatusError } from './status-error.ts';

/** With the CA known, an API server that is down must not delay the node: kubelet waits for it better than we do. */
const BEST_EFFORT_MS = 3000;

/** Each costs a connection at each look, and a bundle of more is no CA's rotation. */
export const MOST_UNPROVEN = 8;

interface Options {
  /** The node is to leave a cluster for this one, which therefore must have answered. */
  readonly isMove?: boolean;
  /** By a guessed clock no certificate is trusted that the API server has not shown. */
  readonly clock?: ClockTrust;
}

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

/** Returns whether these certificates verify the API server's own, whatever it answers. */
export async function isVerifiedBy(api: ApiServer, ca: readonly string[]): Promise<boolean> {
  const kube = await openKube(api, { ca });
  try {
    await kube.version();
  } catch (error) {
    if (hasCode(error, 'KIOS_BOOTSTRAP_UNTRUSTED')) return false;
    if (!(error instanceof StatusError)) throw error;
  }
  return true;
}

/** Returns those of the certificates that verify the API server each by itself. */
export async function provenBy(
  api: ApiServer,
  certificates: readonly string[],
): Promise<readonly string[]> {
  const proven: string[] = [];
  for (const certificate of certificates)
    if (await isVerifiedBy(api, [certificate])) proven.push(certificate);
  return proven;
}

/**
 * Returns the pinned certificates and those that verify the API server by themselves. The others stay out, because
 * whoever may write the ConfigMap may add some, and the cluster signs whatever is in it.
 */
async function vouchedFor(
  published: readonly string[],
  { pins, skipVerification }: Trust,
  api: ApiServer,
): Promise<readonly string[]> {
  if (skipVerification) return published;
  const isPinned = (certificate: string): boolean => pins.includes(publicKeyPin(certificate));
  const others = published.filter((certificate) => !isPinned(certificate));
  const proven = await provenBy(api, others.slice(0, MOST_UNPROVEN));
  return published.filter((certificate) => isPinned(certificate) || proven.includes(certificate));
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
  const published = readCa(clusterInfoCa(kubeconfig), 'cluster-info');
  checkPins(published, cluster.trust);
  const ca = await vouchedFor(published, cluster.trust, api);
  const again = await getClusterInfo(api, ca);
  if (again['kubeconfig'] !== kubeconfig)
    throw untrusted('its cluster-info differs when read over verified TLS');
  return ca;
}

/** Returns the document's credentials for a request; those of a program only kubelet can get. */
function callerOf(auth: ClusterAuth): Caller {
  if (auth.kind === 'token') return { token: `${auth.token.id}.${auth.token.secret}` };
  if (auth.kind !== 'user') return {};
  const { token } = auth.user;
  if (token !== undefined) return { token };
  const cert = auth.user['client-certificate-data'];
  const key = auth.user['client-key-data'];
  return cert === undefined || key === undefined
    ? {}
    : { client: { cert: atob(cert), key: atob(key) } };
}

const refused = (auth: ClusterAuth): BootstrapError =>
  new BootstrapError(
    'KIOS_BOOTSTRAP_TOKEN',
    auth.kind === 'token'
      ? `authenticate to the cluster: token ${auth.token.id} is unknown, expired or not for authentication`
      : 'authenticate to the cluster: it does not know the credentials of the document',
  );

/**
 * Fails when the API server refuses the document's credentials. `/version` is open to everybody, but with a wrong token
 * even it answers 401. A node that would leave its cluster needs a clear yes; a fresh one also takes a server that is
 * starting.
 */
async function checkEntry(
  { auth }: ClusterConfig,
  api: ApiServer,
  access: Pick<Access, 'ca' | 'timeoutMs'>,
  isMove: boolean,
): Promise<void> {
  const caller = callerOf(auth);
  const kube = await openKube(api, { ...access, ...caller });
  try {
    await kube.version();
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    if (error.status === 401 && Object.keys(caller).length > 0) throw refused(auth);
    if (isMove && error.status !== 403)
      throw new BootstrapError(
        'KIOS_BOOTSTRAP_UNREACHABLE',
        `use the API server: ${error.message}`,
      );
  }
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

/**
 * Verifies the cluster and returns the CA certificates to trust. Only then may the node send its token to the endpoint.
 */
export async function verifyCluster(
  cluster: ClusterConfig,
  api: ApiServer,
  log: Logger,
  options: Options = {},
): Promise<readonly string[]> {
  if (cluster.trust.bundle.length > 0) return verifyBundle(cluster, api, log, options);
  if (cluster.trust.skipVerification)
    log.error({ ev: 'cluster.unsafe', field: 'cluster.unsafeSkipCAVerification' });
  if (cluster.auth.kind !== 'token')
    throw untrusted('only a bootstrap token can vouch for a CA that the document does not have');
  const { token, discovery = token } = cluster.auth;
  const ca = await discover(cluster, discovery, api);
  await checkEntry(cluster, api, { ca }, options.isMove === true);
  log.info({ ev: 'cluster.verified', method: 'token', console: true });
  return ca;
}
