import { generateKeyPairSync, X509Certificate } from 'node:crypto';

import { expect, it } from 'vitest';

import {
  encodeTime,
  makeCertificate,
  toPem,
} from '../../../../src/build/secure-boot/certificate.ts';

it.each([
  ['2026-11-30T07:58:21.999Z', '170d3236313133303037353832315a'],
  ['2049-12-31T23:59:59.000Z', '170d3439313233313233353935395a'],
  ['2050-01-01T00:00:00.000Z', '180f32303530303130313030303030305a'],
])('the time %s has the form that its year wants', (time, hex) =>
  expect(encodeTime(new Date(time)).toString('hex')).toBe(hex),
);

it('a certificate is what OpenSSL understands, signed by its own key', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const [from, to] = [new Date('2026-11-30T00:00:00Z'), new Date('2056-11-30T00:00:00Z')];
  const der = makeCertificate({ name: 'kiOS db', key: privateKey, from, to });
  const certificate = new X509Certificate(toPem(der));
  expect(certificate.raw.equals(der)).toBe(true);
  expect(certificate).toMatchObject({
    subject: 'CN=kiOS db',
    issuer: 'CN=kiOS db',
    ca: true,
    validFromDate: from,
    validToDate: to,
  });
  expect(certificate.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
  expect(certificate.checkPrivateKey(privateKey)).toBe(true);
  expect(certificate.verify(publicKey)).toBe(true);
  expect(certificate.checkIssued(certificate)).toBe(true);
});
