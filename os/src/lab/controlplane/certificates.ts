// Must precede the library, whose dependency injection needs it.
import 'reflect-metadata';
import { createHash, webcrypto } from 'node:crypto';

import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 24 * 3600 * 1000;
/** A guest's clock may be an hour behind, and a certificate must already be valid there. */
const BACKDATE_MS = 3600 * 1000;
const CA_DAYS = 3650;
const LEAF_DAYS = 365;
/** A certificate this close to its end is replaced. */
const RENEW_DAYS = 30;

/** A certificate and its private key, both PEM. */
export interface KeyedCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** The subject and use of a certificate. Kubernetes reads `organization` as a client's group. */
export interface LeafRequest {
  readonly commonName: string;
  readonly organization?: string;
  readonly usage: 'client' | 'server';
  readonly dnsNames?: readonly string[];
  readonly ips?: readonly string[];
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

async function formatKey(key: webcrypto.CryptoKey): Promise<string> {
  const isPrivate = key.type === 'private';
  const der = await webcrypto.subtle.exportKey(isPrivate ? 'pkcs8' : 'spki', key);
  return `${PemConverter.encode(der, isPrivate ? 'PRIVATE KEY' : 'PUBLIC KEY')}\n`;
}

const parsePrivateKey = (pem: string): Promise<webcrypto.CryptoKey> => {
  const [der = new ArrayBuffer(0)] = PemConverter.decode(pem);
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
};

const validity = (days: number): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(Date.now() - BACKDATE_MS),
  notAfter: new Date(Date.now() + days * DAY_MS),
});

/** Makes a self-signed certificate authority. */
export async function issueAuthority(commonName: string): Promise<KeyedCertificate> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [commonName] }],
    keys,
    signingAlgorithm: ALGORITHM,
    ...validity(CA_DAYS),
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(
        KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign,
        true,
      ),
    ],
  });
  return { certificate: `${certificate.toString('pem')}\n`, key: await formatKey(keys.privateKey) };
}

/** Issues a certificate for one client or server. */
export async function issueLeaf(
  authority: KeyedCertificate,
  request: LeafRequest,
): Promise<KeyedCertificate> {
  const keys = await newKeys();
  const names = [
    ...(request.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(request.ips ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const purpose =
    request.usage === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth;
  const certificate = await X509CertificateGenerator.create({
    subject: [
      ...(request.organization === undefined ? [] : [{ O: [request.organization] }]),
      { CN: [request.commonName] },
    ],
    issuer: new X509Certificate(authority.certificate).subject,
    publicKey: keys.publicKey,
    signingKey: await parsePrivateKey(authority.key),
    signingAlgorithm: ALGORITHM,
    ...validity(LEAF_DAYS),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([purpose]),
      ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  return { certificate: `${certificate.toString('pem')}\n`, key: await formatKey(keys.privateKey) };
}

/** Makes a key pair that signs service account tokens, both PEM. */
export async function issueSigningKey(): Promise<{ publicKey: string; key: string }> {
  const keys = await newKeys();
  return { publicKey: await formatKey(keys.publicKey), key: await formatKey(keys.privateKey) };
}

/** Checks that this authority issued the certificate and that it does not expire soon. */
export async function isUsable(certificate: string, authority: string): Promise<boolean> {
  try {
    const issuer = new X509Certificate(authority);
    const subject = new X509Certificate(certificate);
    const date = new Date(Date.now() + RENEW_DAYS * DAY_MS);
    return await subject.verify({ publicKey: issuer.publicKey, date });
  } catch {
    return false;
  }
}

/** Returns the hash of an authority's public key, as `kubeadm join --discovery-token-ca-cert-hash` takes it. */
export function caCertHash(certificate: string): string {
  const { publicKey } = new X509Certificate(certificate);
  return `sha256:${createHash('sha256').update(new Uint8Array(publicKey.rawData)).digest('hex')}`;
}
