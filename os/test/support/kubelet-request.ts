import 'reflect-metadata';
import { webcrypto } from 'node:crypto';

import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';

/** Makes a certificate request in PEM, like a kubelet's for its client certificate. */
export async function generateKubeletRequest(nodeName: string): Promise<string> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [{ O: ['system:nodes'] }, { CN: [`system:node:${nodeName}`] }],
    keys,
    signingAlgorithm: algorithm,
  });
  return request.toString('pem');
}
