import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { efiMediumFiles } from '../../../../src/build/image/efi-medium.ts';
import { readEnrolment, VARIABLES } from '../../../../src/build/secure-boot/enrolment.ts';

const CERTIFICATE = Buffer.from('certificate');
const X509 = 'a159c0a5e494a74a87b5ab155c2bf072';

/** A signed write of a list with one certificate; nobody looks at its signature here. */
function authFor(certificate: Uint8Array): Buffer {
  const head = Buffer.alloc(16 + 24);
  head.writeUInt32LE(24, 16);
  const list = Buffer.alloc(28 + 16);
  list.write(X509, 0, 'hex');
  list.writeUInt32LE(list.length + certificate.length, 16);
  list.writeUInt32LE(16 + certificate.length, 24);
  return Buffer.concat([head, list, certificate]);
}

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-enrolment-'));
  for (const name of VARIABLES)
    await writeFile(path.join(folder, `${name}.auth`), authFor(CERTIFICATE));
});
afterEach(() => rm(folder, { recursive: true }));

const refusal = (message: RegExp): unknown =>
  expect.objectContaining({
    code: 'KIOS_ENROLL',
    message: expect.stringMatching(message) as unknown,
  });

const standIn = {
  bytes: Buffer.from('program'),
  origin: { name: 'p', version: '1', kind: 'kios' } as const,
};
const medium = { arch: 'amd64', efi: '/none', version: '1', guard: standIn, loader: standIn } as const; // prettier-ignore

it('the medium has the lists where systemd-boot enrols them from, and without them no such folder', async () => {
  const enrolment = await readEnrolment(folder, CERTIFICATE);
  const added = (tree = efiMediumFiles(medium)): string[] =>
    tree.sorted().flatMap(([name]) => (name.includes('/keys') ? [name] : []));
  expect(added()).toEqual([]);
  expect(added(efiMediumFiles({ ...medium, enrolment }))).toEqual([
    '/loader/keys',
    '/loader/keys/auto',
    '/loader/keys/auto/KEK.auth',
    '/loader/keys/auto/PK.auth',
    '/loader/keys/auto/db.auth',
  ]);
});

it('keys by which the machine would not start the system are refused', async () => {
  await expect(readEnrolment(folder, Buffer.from('another'))).rejects.toEqual(
    refusal(/db\.auth does not have the certificate/),
  );
});

it('a folder without keys is refused', async () => {
  await rm(path.join(folder, 'KEK.auth'));
  await expect(readEnrolment(folder, CERTIFICATE)).rejects.toEqual(
    refusal(/KEK\.auth cannot be read/),
  );
});
