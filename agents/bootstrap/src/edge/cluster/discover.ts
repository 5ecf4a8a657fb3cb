import {
  announcedServer,
  type ClusterConfig,
  type Trust,
} from '../../core/cluster/cluster-config.ts';
import {
  type InfoData,
  infoError,
  refusedInfo,
  signatureOf,
  unsignedError,
} from '../../core/cluster/cluster-info.ts';
import { type BootstrapToken, jwsFault } from '../../core/cluster/jws.ts';
import { clusterOfInfo } from '../../core/cluster/kubeconfig.ts';
import { publicKeyPin } from '../node/certificates.ts';
import type { ApiServer } from './api-server.ts';
import { openKube } from './kube-auth.ts';
import { MOST_UNPROVEN, provenBy } from './proof.ts';
import { StatusError } from './status-error.ts';
import { checkPins, readCa, untrusted } from './trust.ts';

/** What the cluster says of itself, once it has proved that it may. */
export interface Discovered {
  readonly ca: readonly string[];
  /** The API server for kubelet, `https://host:port`; undefined where cluster-info names none that can be used. */
  readonly server: string | undefined;
  /** Why it names none. */
  readonly why?: string;
}

async function getClusterInfo(
  api: ApiServer,
  ca: readonly string[] | undefined,
): Promise<InfoData> {
  const kube = await openKube(api, { ca });
  try {
    return await kube.clusterInfo();
  } catch (error) {
    throw error instanceof StatusError ? refusedInfo(error.status) : error;
  }
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

/** Returns the kubeconfig, if the cluster has signed it with the token's secret. */
async function signedKubeconfig(data: InfoData, token: BootstrapToken): Promise<string> {
  const kubeconfig = data['kubeconfig'];
  if (kubeconfig === undefined || kubeconfig === '') throw infoError('it has no kubeconfig');
  const signature = signatureOf(data, token.id);
  if (signature === undefined) throw unsignedError(data, token.id);
  const fault = await jwsFault(signature, kubeconfig, token);
  if (fault !== undefined)
    throw untrusted(
      `its cluster-info is not signed with the secret of token ${token.id}: ${fault}`,
      'Copy the token whole: the cluster knows its first part with another second one. Otherwise what replies is not this cluster.',
    );
  return kubeconfig;
}

/**
 * Discovers the cluster as kubeadm does: any server may name its CA, if it signs with the token's secret; the CA must
 * be pinned; and the same bytes must come again over TLS verified with that CA.
 */
export async function discover(
  { trust }: Pick<ClusterConfig, 'trust'>,
  token: BootstrapToken,
  api: ApiServer,
): Promise<Discovered> {
  const kubeconfig = await signedKubeconfig(await getClusterInfo(api, undefined), token);
  const found = clusterOfInfo(kubeconfig);
  if (typeof found === 'string') throw infoError(found);
  const published = readCa(found.ca, 'cluster-info');
  checkPins(published, trust);
  const ca = await vouchedFor(published, trust, api);
  const again = await getClusterInfo(api, ca);
  if (again['kubeconfig'] !== kubeconfig)
    throw untrusted(
      'its cluster-info differs when read over verified TLS',
      'If it was written just now, wait. Otherwise somebody between the node and the API server changes what it answers.',
    );
  const announced = announcedServer(found.server);
  return 'why' in announced
    ? { ca, server: undefined, why: announced.why }
    : { ca, server: announced.server };
}
