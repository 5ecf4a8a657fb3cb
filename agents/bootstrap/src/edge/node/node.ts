import path from 'node:path';

import { readIfThere, writeAtomic } from '@kios/agent';
import type { HostState } from '@kios/node-state';
import * as v from 'valibot';

import { ATTESTED_PEM, ATTESTED_USER, type ClusterAuth } from '../../core/cluster/auth.ts';
import { type ClientCertificate, identityName } from '../../core/cluster/identity.ts';
import { splitToken } from '../../core/cluster/jws.ts';
import { clientCertificateOf, speaksForItself, tokenOf } from '../../core/cluster/kubeconfig.ts';
import { parseCertificates } from '../../core/cluster/pem.ts';
import { BOOTSTRAP_KUBECONFIG } from '../../core/files/render.ts';
import { JoinState } from '../../core/files/state.ts';
import type { Settings } from '../../core/settings/settings.ts';
import { readOwnText } from '../files/own-file.ts';
import { readClientCertificate } from './certificates.ts';
import { certificateTime } from './clock.ts';
import { readHost } from './host.ts';

/** The files that an earlier run, or kubelet, left on this node. */
export interface NodeFacts {
  readonly state: JoinState | undefined;
  /** The node's name in its client certificate, if that has not expired. */
  readonly identity: string | undefined;
  /** The name in /etc/hostname, which someone chose; without it init derives one from the machine. */
  readonly hostname: string | undefined;
  readonly host: HostState | undefined;
  readonly nodeIp: string | undefined;
  readonly ca: readonly string[];
  readonly bootstrapKubeconfig: string | undefined;
  /** The name in the certificate for which the node has proved what it has started, if that has not expired. */
  readonly attested: string | undefined;
  /** kubelet.conf, whether or not its certificate is valid. */
  readonly kubeletConf: string | undefined;
}

export const CURRENT_PEM = 'kubelet-client-current.pem';

const stateFile = (settings: Settings): string => path.join(settings.stateDir, 'state.json');

/** Reads the state. An unreadable one counts as absent, which costs one run that finds nothing to change. */
export async function readJoinState(settings: Settings): Promise<JoinState | undefined> {
  const text = await readIfThere(stateFile(settings));
  if (text === undefined) return undefined;
  try {
    return v.parse(JoinState, JSON.parse(text));
  } catch {
    return undefined;
  }
}

export async function writeJoinState(settings: Settings, state: JoinState): Promise<void> {
  await writeAtomic(stateFile(settings), `${JSON.stringify(state)}\n`, 0o600);
}

/** Reads a file of kubelet's own folder, where it also renews a certificate that its kubeconfig has as data. */
async function readCurrent(settings: Settings, name: string): Promise<string | undefined> {
  return readIfThere(path.join(settings.kubeletPki, name));
}

/** Reads the certificate that kubelet.conf names. Its path is the host's; the pod has that folder in the same place. */
async function readClient(
  settings: Settings,
  kubeletConf: string,
): Promise<ClientCertificate | undefined> {
  const where = clientCertificateOf(kubeletConf);
  if (where === undefined) return undefined;
  const name = 'path' in where ? path.basename(where.path) : CURRENT_PEM;
  const pem = (await readCurrent(settings, name)) ?? ('pem' in where ? where.pem : undefined);
  return pem === undefined ? undefined : readClientCertificate(pem);
}

/** Reads when the node's certificate expires, in milliseconds since 1970; undefined without one. */
export async function readIdentityExpiry(settings: Settings): Promise<number | undefined> {
  const kubeletConf = await readIfThere(path.join(settings.etc, 'kubernetes/kubelet.conf'));
  return kubeletConf === undefined
    ? undefined
    : (await readClient(settings, kubeletConf))?.notAfter;
}

function readCertificates(pem: string | undefined): readonly string[] {
  try {
    return pem === undefined ? [] : parseCertificates(pem);
  } catch {
    return [];
  }
}

export async function readNode(settings: Settings): Promise<NodeFacts> {
  const etc = (file: string): Promise<string | undefined> =>
    readIfThere(path.join(settings.etc, file));
  const state = await readJoinState(settings);
  const kubeletConf = await etc('kubernetes/kubelet.conf');
  const client = kubeletConf === undefined ? undefined : await readClient(settings, kubeletConf);
  const attested = await readCurrent(settings, path.basename(ATTESTED_PEM));
  const now = await certificateTime(settings);
  return {
    state,
    identity: identityName(client, now),
    attested:
      attested === undefined ? undefined : identityName(readClientCertificate(attested), now),
    hostname: (await readOwnText(path.join(settings.etc, 'hostname')))?.trim(),
    host: await readHost(settings),
    nodeIp: (await etc('kubernetes/node-ip'))?.trim(),
    ca: readCertificates(await etc('kubernetes/pki/ca.crt')),
    bootstrapKubeconfig: await etc(BOOTSTRAP_KUBECONFIG),
    kubeletConf,
  };
}

/** Whether kubelet is to request its certificate by the one for which the node has proved what it has started. */
const usesAttested = ({ attested, bootstrapKubeconfig }: NodeFacts): boolean =>
  attested !== undefined && bootstrapKubeconfig?.includes(ATTESTED_PEM) === true;

/**
 * Returns the credentials on disk, which replace an `auth` that is not stored: a certificate, or the token not yet
 * used.
 */
export function heldAuth(node: NodeFacts): ClusterAuth | undefined {
  if (node.identity !== undefined) return { kind: 'held' };
  const token =
    node.bootstrapKubeconfig === undefined ? undefined : tokenOf(node.bootstrapKubeconfig);
  if (token !== undefined) return { kind: 'token', token: splitToken(token) };
  if (usesAttested(node))
    return { kind: 'user', user: ATTESTED_USER, isBootstrap: true, rotates: true };
  return node.kubeletConf !== undefined && speaksForItself(node.kubeletConf)
    ? { kind: 'held', rotates: false }
    : undefined;
}
