import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';

import type { InspectPair } from '../../core/cluster/auth.ts';
import type { ClientCertificate } from '../../core/cluster/identity.ts';

/** Throws when the PEM is not a certificate. */
export function checkCertificate(pem: string): void {
  void new X509Certificate(pem);
}

/** Returns `sha256:` and the hash over SubjectPublicKeyInfo, as kubeadm's `--discovery-token-ca-cert-hash`. */
export function publicKeyPin(pem: string): string {
  const spki = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256:${createHash('sha256').update(spki).digest('hex')}`;
}

/** Reads the first certificate of PEM text, which may hold a key too; undefined when there is no readable one. */
export function readClientCertificate(pem: string): ClientCertificate | undefined {
  try {
    const certificate = new X509Certificate(pem);
    return { commonName: commonNameOf(certificate), notAfter: Date.parse(certificate.validTo) };
  } catch {
    return undefined;
  }
}

const commonNameOf = (certificate: X509Certificate): string =>
  /^CN=(.+)$/m.exec(certificate.subject)?.[1] ?? '';

/** Throws when the key does not belong to the certificate; the message shows neither. */
export const inspectPair: InspectPair = (pem, key) => {
  const certificate = new X509Certificate(pem);
  if (!certificate.checkPrivateKey(createPrivateKey(key)))
    throw new Error('the key is not that of the certificate');
  return { commonName: commonNameOf(certificate) };
};
