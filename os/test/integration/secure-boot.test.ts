import { X509Certificate } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { explicit, oid, sequence } from '../../src/build/formats/der.ts';
import { certificatesIn, listsIn } from '../../src/build/formats/signature-lists.ts';
import { makeUki, readSections } from '../../src/build/formats/uki.ts';
import { readLoader, readStub } from '../../src/build/image/stub.ts';
import { readEnrolment } from '../../src/build/secure-boot/enrolment.ts';
import { createKeys } from '../../src/build/secure-boot/keys.ts';
import { Signer } from '../../src/build/secure-boot/signer.ts';
import { openSigningTools } from '../../src/build/secure-boot/tools.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';

/** Keys and signatures of Secure Boot, as the tools of other projects judge them. */

vi.setConfig({ testTimeout: 120_000, hookTimeout: 900_000 });

/** Of the variables, as they lie in memory, and the attributes with which firmware keeps them. */
const VENDORS = {
  PK: '61dfe48bca93d211aa0d00e098032b8c',
  KEK: '61dfe48bca93d211aa0d00e098032b8c',
  db: 'cbb219d73a3d9645a3bcdad00e67656f',
} as const;
const ATTRIBUTES = '27000000';
const TIME = 16;

let dir: string;
let printed: string[];
const at = (...names: string[]): string => path.join(dir, ...names);

const context = {
  progress: silent,
  signal: new AbortController().signal,
  undo: new AsyncDisposableStack(),
  print: (line: string) => void printed.push(line),
};
const create = (folder: string, from?: string, microsoft = false): Promise<void> =>
  createKeys(context, {
    folder: at(folder),
    from: from === undefined ? from : at(from),
    microsoft,
  });
const certificate = async (file: string): Promise<Buffer> =>
  new X509Certificate(await readFile(at(file))).raw;
const listed = async (file: string): Promise<Buffer[]> =>
  certificatesIn(listsIn(await readFile(at(file))));

/** Returns the folder of keys with this name, and those beside it in which keys are being made. */
const foldersOf = async (folder: string): Promise<readonly string[]> =>
  (await readdir(dir)).filter((name) => name.startsWith(folder));

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-secure-boot-'));
  printed = [];
  await create('keys');
  await create('other');
  await create('next', 'keys', true);
});
afterAll(() => rm(dir, { recursive: true }));

/** Returns the time of a write (ms), with which a later one must have a later one. */
async function timeOf(file: string): Promise<number> {
  const bytes = await readFile(at(file));
  const [month = 0, ...rest] = bytes.subarray(2, 7);
  return Date.UTC(bytes.readUInt16LE(0), month - 1, ...rest);
}

const signerOf = (folder: string): Promise<Signer> =>
  Signer.open({ key: at(folder, 'db.key'), certificate: at(folder, 'db.crt') }, silent);

/** Fails unless sbverify finds that this folder's key has signed a program. */
async function verify(program: Uint8Array, folder: string): Promise<string> {
  await writeFile(at('program.efi'), program);
  const tools = await openSigningTools(silent);
  return tools.run('usr/bin/sbverify', ['--cert', at(folder, 'db.crt'), at('program.efi')]);
}

/** Fails unless a key has signed the write of a variable, as firmware checks it (UEFI specification 2.10, 8.2.2). */
async function verifyWrite(file: string, variable: keyof typeof VENDORS, by: string) {
  const bytes = await readFile(at(file));
  const end = TIME + bytes.readUInt32LE(TIME);
  const signedData = bytes.subarray(TIME + 24, end);
  const message = sequence(oid('1.2.840.113549.1.7.2'), explicit(0, signedData));
  const content = Buffer.concat([
    Buffer.from(variable, 'utf16le'),
    Buffer.from(VENDORS[variable] + ATTRIBUTES, 'hex'),
    bytes.subarray(0, TIME),
    bytes.subarray(end),
  ]);
  await writeFile(at('signature'), message);
  await writeFile(at('content'), content);
  const files = ['-in', at('signature'), '-content', at('content'), '-CAfile', at(by)];
  await run('openssl', ['smime', '-verify', '-inform', 'DER', '-binary', '-purpose', 'any', ...files, '-out', at('out')]); // prettier-ignore
}

describe('keys', () => {
  it('are there as a whole, and only their owner reads the private ones', async () => {
    const names = ['KEK.auth', 'KEK.crt', 'KEK.key', 'PK.auth', 'PK.crt', 'PK.key', 'db.auth', 'db.crt', 'db.key', 'pcr.key', 'pcr.pub']; // prettier-ignore
    expect((await readdir(at('keys'))).toSorted()).toEqual(names);
    expect(printed.slice(0, names.length).map((name) => path.basename(name))).toEqual(names);
    expect((await stat(at('keys'))).mode & 0o777).toBe(0o700);
    for (const name of names.filter((name) => name.endsWith('.key')))
      expect((await stat(at('keys', name))).mode & 0o777).toBe(0o600);
  });

  it('are never written over', async () => {
    const before = await readFile(at('keys/db.key'), 'utf8');
    await expect(create('keys')).rejects.toMatchObject({ code: 'KIOS_KEYS_FOLDER' });
    expect(await readFile(at('keys/db.key'), 'utf8')).toBe(before);
  });

  it('leave nothing behind when one cannot be made', async () => {
    await mkdir(at('half'));
    await writeFile(at('half/PK.key'), 'no key');
    await writeFile(at('half/PK.crt'), 'no certificate');
    for (const from of ['none', 'half'])
      await expect(create('failed', from)).rejects.toMatchObject({ code: 'KIOS_KEYS_FILE' });
    expect(await foldersOf('failed')).toEqual([]);
  });

  it('leave nothing behind when the command is interrupted', async () => {
    const undo = new AsyncDisposableStack();
    const folder = at('interrupted');
    const making = createKeys({ ...context, undo }, { folder, from: undefined, microsoft: false });
    await vi.waitFor(async () => expect(await foldersOf('interrupted')).toHaveLength(1), {
      interval: 1,
    });
    await undo.disposeAsync();
    await expect(making).rejects.toThrow('ENOENT');
    expect(await foldersOf('interrupted')).toEqual([]);
  });

  it('keep the key for measurements, which must not be missing where its public half is', async () => {
    await cp(at('keys'), at('parted'), { recursive: true });
    await rm(at('parted/pcr.key'));
    await expect(create('failed', 'parted')).rejects.toMatchObject({ code: 'KIOS_KEYS_FILE' });
    await rm(at('parted/pcr.pub'));
    await create('late', 'parted');
    expect(await readFile(at('late/pcr.key'))).not.toEqual(await readFile(at('keys/pcr.key')));
  });

  it.each([
    ['keys/PK.auth', 'PK', 'keys/PK.crt'],
    ['keys/KEK.auth', 'KEK', 'keys/PK.crt'],
    ['keys/db.auth', 'db', 'keys/KEK.crt'],
    ['next/db.auth', 'db', 'keys/KEK.crt'],
    ['next/db-both.auth', 'db', 'keys/KEK.crt'],
  ] as const)('%s sets %s, signed by %s', async (file, variable, by) => {
    await verifyWrite(file, variable, by);
    await expect(verifyWrite(file, variable, 'other/KEK.crt')).rejects.toThrow(/Verif/);
    expect(await listed(file)).toContainEqual(await certificate(`${path.dirname(file)}/${variable}.crt`)); // prettier-ignore
  });

  it('of a rotation keep PK and KEK, and firmware takes first both keys and then the new one', async () => {
    for (const name of ['PK.key', 'KEK.key', 'PK.crt', 'KEK.crt', 'pcr.key', 'pcr.pub'])
      expect(await readFile(at('next', name))).toEqual(await readFile(at('keys', name)));
    const [older, newer] = [await certificate('keys/db.crt'), await certificate('next/db.crt')];
    expect(await listed('next/db-both.auth')).toEqual(expect.arrayContaining([older, newer]));
    expect(await listed('next/db.auth')).toContainEqual(newer);
    expect(await listed('next/db.auth')).not.toContainEqual(older);
    expect((await timeOf('next/db.auth')) - (await timeOf('next/db-both.auth'))).toBe(1000);
  });

  it('of Microsoft are there when they are asked for', async () => {
    const names = (await listed('next/db.auth')).map((one) => new X509Certificate(one).subject);
    expect(names).toHaveLength(3);
    expect(names[1]).toContain('CN=Microsoft Corporation UEFI CA 2011');
    expect(names[2]).toContain('CN=Microsoft UEFI CA 2023');
    expect(await listed('keys/db.auth')).toHaveLength(1);
  });

  it('are put on a medium only with the key that signs its system', async () => {
    expect((await readEnrolment(at('keys'), await certificate('keys/db.crt'))).size).toBe(3);
    await expect(
      readEnrolment(at('keys'), await certificate('other/db.crt')),
    ).rejects.toMatchObject({ code: 'KIOS_ENROLL' });
  });
});

describe('a signed program', () => {
  const programs: Record<string, () => Promise<Buffer>> = {
    'systemd-boot': async () => (await readLoader('amd64', silent)).bytes,
    'a system': async () => {
      const { bytes } = await readStub('amd64', silent);
      const sections = ['.cmdline', '.uname', '.initrd', '.linux', '.modules'];
      return makeUki(bytes, sections.map((name) => ({ name, content: Buffer.alloc(777, name) }))); // prettier-ignore
    },
  };

  describe.each(Object.keys(programs))('%s', (name) => {
    let unsigned: Buffer;
    let signed: Buffer;
    beforeAll(async () => {
      unsigned = await programs[name]!();
      signed = await (await signerOf('keys')).sign('program', unsigned, dir);
    });

    it('is verified by its certificate, and by no other', async () => {
      expect(await verify(signed, 'keys')).toContain('Signature verification OK');
      await expect(verify(signed, 'other')).rejects.toThrow(/verification failed/);
      await expect(verify(unsigned, 'keys')).rejects.toThrow(/No signature table/);
    });

    it('is refused with one bit flipped', async () => {
      const { content } = readSections(signed).at(-1)!;
      const broken = Buffer.from(signed);
      const where = content.byteOffset - signed.byteOffset + 5;
      broken.writeUInt8(broken.readUInt8(where) ^ 1, where);
      await expect(verify(broken, 'keys')).rejects.toThrow(/verification failed/);
    });

    it('is the unsigned one, but for its checksum, the place of the signature, and that', () => {
      const optional = unsigned.readUInt32LE(60) + 24;
      const own = Buffer.from(signed.subarray(0, unsigned.length));
      for (const [where, bytes] of [
        [optional + 64, 4],
        [optional + 144, 8],
      ] as const)
        // prettier-ignore
        unsigned.copy(own, where, where, where + bytes);
      expect(own.equals(unsigned)).toBe(true);
      expect(signed.length).toBeGreaterThan(unsigned.length);
    });
  });

  it('of something that is no program is not made, and nothing is left', async () => {
    const signer = await signerOf('keys');
    const failure = signer.sign('text', Buffer.from('no program'), dir);
    await expect(failure).rejects.toMatchObject({ code: 'KIOS_SIGN' });
    expect((await readdir(dir)).filter((name) => name.startsWith('signed-'))).toEqual([]);
  });
});
