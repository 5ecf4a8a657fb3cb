import { describe } from '@kios/errors';

import type { Trust } from '../../core/cluster/cluster-config.ts';
import { parseCertificates } from '../../core/cluster/pem.ts';
import { BootstrapError } from '../../core/faults/errors.ts';
import { checkCertificate, publicKeyPin } from '../node/certificates.ts';

export const untrusted = (why: string, remedy?: string): BootstrapError =>
  new BootstrapError('KIOS_BOOTSTRAP_UNTRUSTED', `verify the cluster: ${why}`, { remedy });

/** Fails when the document has pins and no certificate matches one. As with kubeadm, one of the bundle suffices. */
export function checkPins(ca: readonly string[], trust: Trust): void {
  if (trust.pins.length === 0) return;
  const found = ca.map(publicKeyPin);
  if (!found.some((pin) => trust.pins.includes(pin)))
    throw untrusted(
      `its CA ${found.join(', ')} is not in caCertHashes`,
      'Take the hash from the control plane itself (`kubeadm token create --print-join-command`) and correct caCertHashes, or cluster.endpoint if this is another cluster.',
    );
}

/** Returns the certificates of a bundle, PEM or its base64, each of which can be read. */
export function readCa(encoded: string | undefined, what: string): readonly string[] {
  try {
    const ca = parseCertificates(encoded ?? '');
    for (const certificate of ca) checkCertificate(certificate);
    return ca;
  } catch (error) {
    throw untrusted(
      `the CA of ${what}: ${describe(error)}`,
      `Correct the certificates in ${what}.`,
    );
  }
}
