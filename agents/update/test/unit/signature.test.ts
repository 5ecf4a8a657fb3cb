import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as fc from 'fast-check';
import * as v from 'valibot';
import { afterAll, describe, expect, it } from 'vitest';

import { imageFault } from '../../src/core/image/pe.ts';
import { signatureFault } from '../../src/core/signature/judge.ts';
import { readSignatureFault } from '../../src/edge/host/signature.ts';
import { entry, makeSignature, makeTestKey, sha256, signedEfi } from '../support/signed-efi.ts';
import { SECTIONS, smallEfi } from '../support/small-efi.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'kios-signature-'));
afterAll(() => rmSync(folder, { recursive: true }));

const { certificate, program } = v.parse(
  v.object({ certificate: v.string(), program: v.string() }),
  JSON.parse(
    readFileSync(path.join(import.meta.dirname, '../vectors/signed-by-sbsign.json'), 'utf8'),
  ),
);
const bySbsign = Buffer.from(program, 'base64');
const ours = makeTestKey();
const other = makeTestKey();

async function fault(file: Uint8Array, trusted = [ours.fingerprint]): Promise<string | undefined> {
  const name = path.join(folder, 'kios.efi');
  writeFileSync(name, file);
  return readSignatureFault(name, trusted, new AbortController().signal);
}

function flipped(file: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(file);
  copy.writeUInt8(copy.readUInt8(at) ^ 1, at);
  return copy;
}

describe('a system that sbsign has signed', () => {
  it('starts where its certificate is trusted', async () => {
    expect(imageFault(bySbsign, bySbsign.length, 'amd64')).toBeUndefined();
    expect(await fault(bySbsign, [other.fingerprint, certificate])).toBeUndefined();
  });

  it('starts nowhere else', async () =>
    expect(await fault(bySbsign)).toBe(
      `it is signed by the certificate ${certificate}, which this machine does not trust`,
    ));

  it('does not start with a bit flipped in any section', async () => {
    for (let at = 1024; at < 3584; at += 97)
      expect(await fault(flipped(bySbsign, at), [certificate])).toMatch(/of other bytes/);
  });

  it('does not start with a bit flipped in the headers', async () => {
    for (const at of [2, 64, 90, 300])
      expect(await fault(flipped(bySbsign, at), [certificate])).toMatch(/./);
  });
});

describe('a system', () => {
  const sign = (by = ours, digest?: Uint8Array) =>
    signedEfi((own) => [makeSignature({ by, digest: digest ?? own })]);

  it('with the signature of a trusted key starts', async () =>
    expect(await fault(sign())).toBeUndefined());

  it('with two signatures starts by either key', async () => {
    const both = signedEfi((digest) => [ours, other].map((by) => makeSignature({ by, digest })));
    expect(await fault(both, [ours.fingerprint])).toBeUndefined();
    expect(await fault(both, [other.fingerprint])).toBeUndefined();
    expect(await fault(both, [])).toMatch(/does not trust/);
  });

  it.each([
    ['no signature', smallEfi(), /^it is not signed$/],
    ['no header', Buffer.from('hello'), /^it is not signed$/],
    ['the signature of another key', sign(other), /does not trust/],
    ['the signature of another system', sign(ours, sha256(Buffer.from('other'))), /other bytes/],
    [
      'our certificate beside the signature of another key',
      signedEfi((digest) => [makeSignature({ by: other, digest, certificate: ours.certificate })]),
      /not made by the key/,
    ],
    [
      'a signature of other content',
      signedEfi((digest) => [
        makeSignature({ by: ours, digest, contentDigest: sha256(Buffer.from('')) }),
      ]),
      /not made by the key/,
    ],
    [
      'a weak digest',
      signedEfi((digest) => [
        makeSignature({ by: ours, digest: digest.subarray(0, 20), algorithm: 'sha1' }),
      ]),
      /cannot be read/,
    ],
    ['an entry of another kind', signedEfi(() => [entry(Buffer.alloc(20), 1)]), /unknown kind/],
    [
      'noise in place of its signature',
      signedEfi(() => [Buffer.alloc(64, 0x5a)]),
      /cannot be read/,
    ],
    ['a signature cut short', sign().subarray(0, -8), /cannot be read/],
    ['a signature of a megabyte', smallEfi({ signed: 2 ** 20 }), /too long/],
  ])('with %s does not start', async (_, file, why) => expect(await fault(file)).toMatch(why));

  it('with a gap between its sections does not start', async () => {
    const file = sign();
    // The section before the last one ends early.
    const header = 88 + 240 + (SECTIONS.length - 2) * 40;
    file.writeUInt32LE(256, header + 16);
    expect(await fault(file)).toBe('its sections do not follow one another');
  });
});

it('any table of signatures is judged without an error', () => {
  const crypto = { sha256, hasSigned: () => true };
  const table = signatureOf();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(table.length), (noise, at) => {
      const copy = Buffer.from(table);
      copy.set(noise.subarray(0, copy.length - at), at);
      for (const one of [copy, noise])
        expect(signatureFault(one, sha256(noise), [ours.fingerprint], crypto)).toMatch(/./);
    }),
  );
});

function signatureOf(): Buffer {
  return makeSignature({ by: ours, digest: sha256(Buffer.from('a program')) });
}
