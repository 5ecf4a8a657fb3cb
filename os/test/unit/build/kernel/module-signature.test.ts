import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import {
  signModule,
  toPem,
  withoutSignature,
} from '../../../../src/build/kernel/module-signature.ts';
import { run } from '../../../../src/workstation/run.ts';

const module = Buffer.from('\x7fELF, as far as a signature cares');
const FILE = 'drivers/net/a.ko';
const signed = signModule(FILE, module);
const message = signed.bytes.subarray(module.length, -40);
const certificate = new X509Certificate(signed.certificate);

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-signature-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const at = (name: string): string => path.join(dir, name);

async function opensslAccepts(content: Buffer, der: Buffer): Promise<boolean> {
  await writeFile(at('content'), content);
  await writeFile(at('message'), message);
  await writeFile(at('certificate'), toPem([der]));
  const files = ['-in', at('message'), '-content', at('content'), '-certfile', at('certificate')];
  const command = ['cms', '-verify', '-binary', '-inform', 'DER', ...files, '-noverify', '-out'];
  return run('openssl', [...command, at('out')]).then(
    () => true,
    () => false,
  );
}

it('is a message that openssl verifies with the certificate', async () => {
  await expect(opensslAccepts(module, signed.certificate)).resolves.toBe(true);
});

it('is not valid for another module or under another module’s certificate', async () => {
  const other = Buffer.concat([module, Buffer.from('!')]);
  await expect(opensslAccepts(other, signed.certificate)).resolves.toBe(false);
  const { certificate: another } = signModule(FILE, other);
  await expect(opensslAccepts(module, another)).resolves.toBe(false);
});

it('has the form that the kernel looks for at the end of a module', () => {
  expect(withoutSignature(signed.bytes)).toEqual(module);
  const record = signed.bytes.subarray(-40, -28);
  expect([...record.subarray(0, 8)]).toEqual([0, 0, 2, 0, 0, 0, 0, 0]);
  expect(record.readUInt32BE(8)).toBe(message.length);
});

it.each([
  ['a module without a signature', module],
  ['nothing', Buffer.alloc(0)],
  ['the magic alone', signed.bytes.subarray(-28)],
  ['a record with a size that exceeds the file', signed.bytes.subarray(-40)],
])('leaves %s as it is', (_, bytes) => {
  expect(withoutSignature(bytes)).toEqual(bytes);
});

it('has a certificate that fits into the kernel’s list and is not self-signed', () => {
  // load_certificate_list() reads a length of two bytes.
  expect(signed.certificate.subarray(0, 2)).toEqual(Buffer.from([0x30, 0x82]));
  expect(certificate.subject).not.toBe(certificate.issuer);
  expect(certificate.verify(certificate.publicKey)).toBe(false);
});

it('has a certificate whose years are in the form that the kernel accepts', () => {
  // x509_decode_time(): from 1950 to 2049 a UTCTime (0x17), otherwise a GeneralizedTime (0x18).
  const times = signed.certificate.toString('latin1');
  expect(times).toContain('\x17\x0d700101000000Z\x18\x0f99991231235959Z');
});

it('is the same every time', () => {
  expect(signModule(FILE, module)).toEqual(signed);
});

it('gives every module a certificate of its own', () => {
  const modules = Array.from({ length: 8 }, (_, index) => Buffer.from(`module ${index}`));
  const all = modules.map((bytes) => new X509Certificate(signModule(FILE, bytes).certificate));
  expect(new Set(all.map(({ serialNumber }) => serialNumber)).size).toBe(8);
  expect(new Set(all.map(({ publicKey }) => JSON.stringify(publicKey.export({ format: 'jwk' })))).size).toBe(8); // prettier-ignore
});
