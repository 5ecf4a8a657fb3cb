import path from 'node:path';

import { readIfThere, writePrivate } from '../../workstation/files.ts';
import {
  isUsable,
  issueAuthority,
  issueLeaf,
  issueSigningKey,
  type KeyedCertificate,
  type LeafRequest,
} from './certificates.ts';
import { layout, NETWORKS, WORKSTATION_ON_SEGMENT, WORKSTATION_SEEN_BY_GUEST } from './layout.ts';

/** The API server's name when it passes requests on to aggregated servers. */
export const FRONT_PROXY = 'front-proxy-client';

/** The certificates to issue. Users and groups are those of Kubernetes' own roles. */
export const LEAVES = {
  apiserver: {
    commonName: 'kube-apiserver',
    usage: 'server',
    dnsNames: [
      'localhost',
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      'kubernetes.default.svc.cluster.local',
      WORKSTATION_ON_SEGMENT.name,
    ],
    ips: [
      '127.0.0.1',
      WORKSTATION_SEEN_BY_GUEST,
      WORKSTATION_ON_SEGMENT.ipv6,
      NETWORKS.kubernetesService,
    ],
  },
  'apiserver-kubelet-client': { commonName: 'kube-apiserver-kubelet-client', usage: 'client' },
  'front-proxy-client': { commonName: FRONT_PROXY, usage: 'client' },
  admin: { commonName: 'kubernetes-admin', organization: 'system:masters', usage: 'client' },
  'controller-manager': { commonName: 'system:kube-controller-manager', usage: 'client' },
  scheduler: { commonName: 'system:kube-scheduler', usage: 'client' },
} as const satisfies Record<string, LeafRequest>;

export type LeafName = keyof typeof LEAVES;

/** The certificates and keys of one cluster. */
export interface Pki {
  readonly authority: KeyedCertificate;
  readonly leaves: Readonly<Record<LeafName, KeyedCertificate>>;
}

const FILES = ['.crt', '.key'] as const;

/** Returns the file of a certificate or key. */
export const pkiFile = (name: 'ca' | 'service-account' | LeafName, end: '.crt' | '.key' | '.pub') =>
  path.join(layout.pki, `${name}${end}`);

async function readPair(name: 'ca' | LeafName): Promise<KeyedCertificate | undefined> {
  const [certificate, key] = await Promise.all(FILES.map((end) => readIfThere(pkiFile(name, end))));
  return certificate === undefined || key === undefined ? undefined : { certificate, key };
}

async function writePair(name: 'ca' | LeafName, pair: KeyedCertificate): Promise<void> {
  // The key comes first, so that a certificate means a complete pair.
  await writePrivate(pkiFile(name, '.key'), pair.key);
  await writePrivate(pkiFile(name, '.crt'), pair.certificate);
}

async function ensureAuthority(): Promise<KeyedCertificate> {
  const old = await readPair('ca');
  if (old !== undefined && (await isUsable(old.certificate, old.certificate))) return old;
  const made = await issueAuthority('kios');
  await writePair('ca', made);
  return made;
}

async function ensureLeaf(name: LeafName, authority: KeyedCertificate): Promise<KeyedCertificate> {
  const old = await readPair(name);
  if (old !== undefined && (await isUsable(old.certificate, authority.certificate))) return old;
  const made = await issueLeaf(authority, LEAVES[name]);
  await writePair(name, made);
  return made;
}

async function ensureSigningKey(): Promise<void> {
  if ((await readIfThere(pkiFile('service-account', '.pub'))) !== undefined) return;
  const { publicKey, key } = await issueSigningKey();
  await writePrivate(pkiFile('service-account', '.key'), key);
  await writePrivate(pkiFile('service-account', '.pub'), publicKey);
}

/** Reads the certificates, and issues those that are missing or about to expire. */
export async function ensurePki(): Promise<Pki> {
  const authority = await ensureAuthority();
  await ensureSigningKey();
  const leaf = (name: LeafName): Promise<KeyedCertificate> => ensureLeaf(name, authority);
  return {
    authority,
    leaves: {
      apiserver: await leaf('apiserver'),
      'apiserver-kubelet-client': await leaf('apiserver-kubelet-client'),
      'front-proxy-client': await leaf('front-proxy-client'),
      admin: await leaf('admin'),
      'controller-manager': await leaf('controller-manager'),
      scheduler: await leaf('scheduler'),
    },
  };
}
