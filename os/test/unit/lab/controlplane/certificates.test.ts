import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { connect, createServer, type TLSSocket } from 'node:tls';

import { describe, expect, it } from 'vitest';

import {
  caCertHash,
  isUsable,
  issueAuthority,
  issueLeaf,
  issueSigningKey,
} from '../../../../src/lab/controlplane/certificates.ts';
import { LEAVES } from '../../../../src/lab/controlplane/pki.ts';

const authority = await issueAuthority('test');

// Node's X.509 and TLS (OpenSSL) check the certificates, not the library that made them.
describe('the certificate authority', () => {
  const ca = new X509Certificate(authority.certificate);

  it('is a CA and signed by itself', () => {
    expect(ca.ca).toBe(true);
    expect(ca.verify(ca.publicKey)).toBe(true);
  });

  it('has the hash that kubeadm computes: SHA-256 of the subject public key info', () => {
    const spki = ca.publicKey.export({ type: 'spki', format: 'der' });
    const expected = createHash('sha256').update(spki).digest('hex');
    expect(caCertHash(authority.certificate)).toBe(`sha256:${expected}`);
  });
});

describe('the certificate of the API server', () => {
  const checked = issueLeaf(authority, LEAVES.apiserver).then(
    ({ certificate }) => new X509Certificate(certificate),
  );

  it.each(['127.0.0.1', '10.0.2.2', '10.96.0.1'])('is valid for %s', async (ip) => {
    expect((await checked).checkIP(ip)).toBe(ip);
  });

  it.each(['localhost', 'kubernetes.default.svc'])('is valid for %s', async (name) => {
    expect((await checked).checkHost(name)).toBe(name);
  });

  it('was already valid an hour ago, for guests whose clock is behind', async () => {
    expect(Date.now() - (await checked).validFromDate.getTime()).toBeGreaterThan(3500 * 1000);
  });

  it('lets server and client authenticate each other', async () => {
    const server = await issueLeaf(authority, LEAVES.apiserver);
    const client = await issueLeaf(authority, LEAVES.admin);
    const { port, listener, subject } = await listen(server);
    const socket = connect({
      host: '127.0.0.1',
      port,
      ca: authority.certificate,
      cert: client.certificate,
      key: client.key,
    });
    expect(await subject).toMatchObject({ CN: 'kubernetes-admin', O: 'system:masters' });
    expect(socket.authorized).toBe(true);
    socket.destroy();
    listener.close();
  });
});

async function listen(pair: { certificate: string; key: string }) {
  const { promise: subject, resolve } = Promise.withResolvers<unknown>();
  const listener = createServer(
    {
      cert: pair.certificate,
      key: pair.key,
      ca: authority.certificate,
      requestCert: true,
      rejectUnauthorized: true,
    },
    (socket: TLSSocket) => resolve(socket.getPeerCertificate().subject),
  );
  await new Promise<void>((done) => void listener.listen(0, '127.0.0.1', done));
  const address = listener.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return { port, listener, subject };
}

describe('isUsable', () => {
  it('accepts a certificate of the authority', async () => {
    const leaf = await issueLeaf(authority, LEAVES.scheduler);
    expect(await isUsable(leaf.certificate, authority.certificate)).toBe(true);
  });

  it('refuses a certificate of another authority with the same name', async () => {
    const leaf = await issueLeaf(await issueAuthority('test'), LEAVES.scheduler);
    expect(await isUsable(leaf.certificate, authority.certificate)).toBe(false);
  });

  it.each(['', 'no certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])(
    'refuses %j',
    async (text) => {
      expect(await isUsable(text, authority.certificate)).toBe(false);
    },
  );
});

it('a signing key comes with its public key', async () => {
  const { key, publicKey } = await issueSigningKey();
  const derived = createPublicKey(key).export({ type: 'spki', format: 'pem' });
  expect(publicKey.trim()).toBe(derived.trim());
});
