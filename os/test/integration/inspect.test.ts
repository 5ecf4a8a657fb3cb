import { mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EXIT } from '@kios/errors';
import { execa } from 'execa';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import type { Inspection } from '../../src/artefact/inspect/model.ts';
import { snapshotId } from '../../src/build/store/containerd.ts';
import { chainIdOf } from '../../src/build/store/store.ts';
import { fileSha256, sha256 } from '../../src/workstation/digest.ts';
import { makeBoardDisk, makeSmallArtefacts, type SmallArtefacts } from '../support/artefact.ts';
import { makeStub } from '../support/stub.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 180_000 });

const main = path.resolve(import.meta.dirname, '../../src/main.ts');
let dir: string;
let made: SmallArtefacts;
let other: SmallArtefacts;
/** Of the first disk image; reading one takes seconds. */
let ofDisk: Inspection;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-test-inspect-'));
  made = await makeSmallArtefacts(await mkdtemp(path.join(dir, 'a-')));
  other = await makeSmallArtefacts(await mkdtemp(path.join(dir, 'b-')), {
    commandLine: 'quiet debug',
    capability: 'NET_ADMIN',
    extra: 'more',
  });
  ofDisk = await inspected(made.image);
});

afterAll(() => rm(dir, { recursive: true }));

const kios = (...args: readonly string[]) =>
  execa(process.execPath, [main, 'inspect', ...args], {
    reject: false,
    stdin: 'ignore',
    env: { TMPDIR: dir, KIOS_DEBUG: undefined },
  });

async function inspected(file: string): Promise<Inspection> {
  const { stdout, stderr, exitCode } = await kios(file, '--json');
  expect([exitCode, stderr]).toEqual([0, expect.any(String)]);
  return v.parse(
    v.pipe(
      v.string(),
      v.parseJson(),
      v.custom<Inspection>(() => true),
    ),
    stdout,
  );
}

describe('inspect of a disk image', () => {
  it('tells its partitions, the file systems on them and the files of the boot partition', async () => {
    const { kind, bytes, sha256: digest, disk } = ofDisk;
    expect([kind, bytes]).toEqual(['disk', (await stat(made.image)).size]);
    expect(digest).toBe(await fileSha256(made.image));
    expect(disk?.partitions).toMatchObject([
      { label: 'kios-esp', type: 'EFI system', fileSystem: { kind: 'FAT32', label: 'KIOS' } },
      { label: 'kios-data', type: 'kiOS data', fileSystem: { kind: 'ext4', label: 'kios-data' } },
    ]);
    const efi = await readFile(made.efi);
    expect(disk?.starts).toBe('EFI/kios/0001.efi');
    expect(disk?.files).toContainEqual({
      name: 'EFI/kios/0001.efi',
      bytes: efi.length,
      sha256: sha256(efi),
    });
    const used = disk?.partitions[0]?.fileSystem?.usedBytes ?? 0;
    expect(used).toBeGreaterThan(efi.length);
    expect(used).toBeLessThan(efi.length + 1024 * 1024);
  });

  it('tells the pods’ rights, the images’ digests and the kernel’s words', () => {
    const { efi, root } = ofDisk;
    expect(efi).toMatchObject({ commandLine: 'quiet console=ttyS0', kernel: '6.12.0' });
    expect(efi?.early).toEqual([{ name: 'init', bytes: 11, sha256: sha256('first stage') }]);
    expect(root.release.version).toBe('1.2.3');
    const [base, top] = (root.images[0]?.layers ?? []).map(({ digest }) => digest);
    const shared = { digest: base, snapshot: snapshotId(base!) };
    const own = { digest: top, snapshot: snapshotId(chainIdOf(base, top!)) };
    expect(root.images).toMatchObject([
      { name: 'kios.invalid/one:1', digest: made.digest, layers: [shared, own] },
      { name: 'kios.invalid/two:1', layers: [shared] },
    ]);
    const image = `kios.invalid/one:1@${made.digest}`;
    expect(root.pods).toMatchObject([
      {
        key: 'kube-system/one',
        host: ['network'],
        containers: [
          { name: 'first', isInit: true, user: 7, capabilities: [], readOnlyRoot: false, image },
          {
            name: 'run',
            isInit: false,
            privileged: false,
            capabilities: ['NET_RAW'],
            memory: '32Mi',
            mounts: [
              { from: '/run/kios', to: '/run/host', readOnly: true },
              { from: 'emptyDir', to: '/tmp', readOnly: false },
            ],
          },
        ],
      },
    ]);
  });

  it('accounts for every byte of the EFI file, and names a shared layer by its images', async () => {
    const { shares, efi } = await inspected(made.efi);
    expect(shares.reduce((total, { bytes }) => total + bytes, 0)).toBe(efi?.bytes);
    expect(shares.every(({ bytes }) => bytes >= 0)).toBe(true);
    expect(shares.map(({ what }) => what)).toEqual(
      expect.arrayContaining(['layer of all images', 'layer of one', '/bin/tool', 'kernel']),
    );
  });

  it('shows a person the same', async () => {
    const { stdout } = await kios(made.efi);
    expect(stdout).toContain('kiOS 1.2.3 for amd64, kernel 6.12.0, built 2026-09-21T00:00:00.000Z');
    expect(stdout).toContain(
      'container run: user of the image, NET_RAW, read-only root, at most 32Mi',
    );
    expect(stdout).toMatch(/\/run\/kios +at \/run\/host +read-only/);
    expect(stdout).toContain(made.digest);
  });

  it('says the same of the root alone', async () => {
    const [ofRoot, ofEfi] = [await inspected(made.root), await inspected(made.efi)];
    expect(ofRoot.kind).toBe('root');
    expect(ofRoot.root).toEqual(ofEfi.root);
  });
});

describe('inspect --diff', () => {
  it('names what was added, removed and changed, and what grew', async () => {
    const { stdout } = await kios(made.image, '--diff', other.image);
    const lines = stdout.split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        '- command line console=ttyS0',
        '+ command line debug',
        '- pod kube-system/one/run capability NET_RAW',
        '+ pod kube-system/one/run capability NET_ADMIN',
        expect.stringMatching(/^\+ file \/etc\/extra {2}4 B /),
        expect.stringMatching(/^~ manifest one\.yaml {2}\w+ → \w+$/),
        expect.stringMatching(/^~ boot partition EFI\/kios\/0001\.efi /),
        'Growth',
      ]),
    );
    expect(lines.some((line) => line.includes('/bin/tool'))).toBe(false);
  });

  it('says that equal files hold the same', async () => {
    const { stdout } = await kios(made.efi, '--diff', made.efi);
    expect(stdout).toBe(`${made.efi} and ${made.efi} hold the same`);
    const asJson = await kios(made.efi, '--diff', made.efi, '--json');
    expect(JSON.parse(asJson.stdout)).toEqual({ changes: [], growth: [] });
  });
});

const text = async (name: string, content: string | Buffer): Promise<string> => {
  const file = path.join(dir, name);
  await writeFile(file, content);
  return file;
};

const cut = async (from: string, name: string, bytes: number): Promise<string> => {
  const file = path.join(dir, name);
  await using whole = await open(from);
  const { buffer, bytesRead } = await whole.read(Buffer.alloc(2_000_000), 0, 2_000_000, 0);
  await writeFile(file, buffer.subarray(0, bytesRead));
  await truncate(file, bytes);
  return file;
};

describe('a file that is no artefact ends with one line, a code and its reason:', () => {
  it.each<[string, () => Promise<string>, RegExp]>([
    ['none', async () => path.join(dir, 'absent'), /absent: ENOENT.*/],
    ['an empty file', () => text('empty', ''), /it has no partition table/],
    ['a folder', async () => dir, /neither a file nor a disk/],
    ['a text', () => text('text', 'hello '.repeat(1000)), /it has no partition table/],
    ['a compressed image', () => text('zst', Buffer.from('28b52ffd00', 'hex')), /it is compressed/],
    ['an EFI file cut short', () => cut(made.efi, 'short.efi', 20_000), /cut short/],
    ['another EFI file', () => text('stub.efi', makeStub()), /no section \.initrd/],
    [
      'a disk cut in its table',
      () => cut(made.image, 'short.img', 1500),
      /partition table is damaged/,
    ],
    [
      'a disk cut in its boot partition',
      () => cut(made.image, 'half.img', 1_500_000),
      /its boot partition is damaged: /,
    ],
    [
      'a root cut short',
      () => cut(made.root, 'short.erofs', 4096),
      /its root file system is damaged: /,
    ],
  ])('%s', async (_, make, reason) => {
    const { exitCode, stdout, stderr } = await kios(await make());
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^kios: cannot .* \[KIOS_(?:ARTEFACT|COMMAND|UKI)\]$/m);
    expect(stderr).toMatch(reason);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect([EXIT.data, EXIT.system]).toContain(exitCode);
  });

  it('and leaves nothing behind', async () => {
    expect((await readdir(dir)).filter((name) => name.startsWith('kios-inspect-'))).toEqual([]);
  });
});

it('inspect of an image for a board tells what its loader starts, and what fills it', async () => {
  const image = await makeBoardDisk(await mkdtemp(path.join(dir, 'board-')), made);
  const { disk, efi, board, root, shares } = await inspected(image);
  expect(efi).toBeUndefined();
  expect(board).toMatchObject({ name: 'rpi4', commandLine: 'quiet console=ttyS0' });
  expect(board?.early.map(({ name }) => name)).toEqual(['init']);
  expect(root.sha256).toBe(await fileSha256(made.root));
  expect(disk?.starts).toBe('system/0001/kernel8.img');
  const files = disk?.files ?? [];
  expect(files.map(({ name }) => name)).toContain('start4.elf');
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  expect(shares.reduce((sum, share) => sum + share.bytes, 0)).toBe(bytes);
});
