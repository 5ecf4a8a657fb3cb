import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { withToken } from '../../src/edge/sources/documents.ts';
import { joinNode, type Outcome } from '../../src/verbs/join.ts';
import { testLogger } from '../support/logger.ts';
import { NodeFolder, TOKEN } from '../support/node-folder.ts';

const HEAD = 'apiVersion: kios.dev/v1\nkind: NodeBootstrap\n';
const DOCUMENT = `${HEAD}node: {name: n1}\n`;
const GIB = 1024 ** 3;

let node: NodeFolder;
/** A folder of another file system, as the host's files are for a volume. */
let outside: string;

const log = testLogger();

async function run(): Promise<Outcome> {
  const { signal } = new AbortController();
  return (await joinNode({ settings: node.settings, log, signal })).outcome;
}

beforeEach(async () => {
  node = await NodeFolder.make();
  node.lease();
  outside = mkdtempSync('/dev/shm/kios-outside-');
  writeFileSync(path.join(outside, 'file'), DOCUMENT);
});

afterEach(async () => {
  rmSync(outside, { recursive: true });
  await node[Symbol.asyncDispose]();
});

const at = (file: string): string => {
  const full = path.join(node.root, file);
  mkdirSync(path.dirname(full), { recursive: true });
  return full;
};
const metaJson = (): void =>
  node.write('run/kios/seed/config-2/openstack/latest/meta_data.json', '{"uuid":"u-1"}');

/** Every file that is read from a volume, and what else makes it due. */
const FILES: readonly (readonly [file: string, prepare: () => void])[] = [
  ['run/kios/seed/cidata/user-data', () => node.write('run/kios/seed/cidata/meta-data', '')],
  ['run/kios/seed/cidata/meta-data', () => node.write('run/kios/seed/cidata/user-data', DOCUMENT)],
  ['run/kios/seed/config-2/openstack/latest/user_data', metaJson],
  ['run/kios/seed/config-2/openstack/latest/meta_data.json', () => {}],
  ['run/kios/seed/boot/bootstrap.yaml', () => {}],
  [
    'run/kios/seed/boot/token',
    () =>
      node.write(
        'etc/kios/bootstrap.yaml',
        `${HEAD}auth: {bootstrapTokenFile: /run/kios/seed/boot/token}\n`,
      ),
  ],
];

/** What a hostile volume may have in place of a file. */
const ATTACKS: readonly (readonly [what: string, why: string, make: (file: string) => void])[] = [
  ['a FIFO', 'it is not a regular file', (file) => void execFileSync('mkfifo', [file])],
  ['a folder', 'it is not a regular file', (file) => mkdirSync(file)],
  [
    'a link to a file of the host',
    'it is a link out of its volume',
    (file) => symlinkSync(path.join(outside, 'file'), file),
  ],
  [
    'a link to a device without end',
    'it is not a regular file',
    (file) => symlinkSync('/dev/zero', file),
  ],
  [
    'a link to /proc',
    'it is a link out of its volume',
    (file) => symlinkSync('/proc/self/maps', file),
  ],
];

describe.each(FILES)('%s', (file, prepare) => {
  it.each(ATTACKS)(
    'that is %s is refused at once: %s',
    { timeout: 5000 },
    async (_what, why, make) => {
      prepare();
      make(at(file));
      await expect(run()).rejects.toMatchObject({
        code: 'KIOS_BOOTSTRAP_DOCUMENT',
        message: `read ${path.join(node.root, file)}: ${why}`,
      });
      expect(node.read('etc/hostname')).toBeUndefined();
    },
  );

  it('that is a gibibyte long is refused without being read', async () => {
    prepare();
    writeFileSync(at(file), '');
    truncateSync(at(file), GIB);
    const before = process.resourceUsage().maxRSS;
    await expect(run()).rejects.toThrow(/it is longer than \d+ bytes/);
    expect((process.resourceUsage().maxRSS - before) * 1024).toBeLessThan(GIB / 16);
  });
});

it('a link in the path to a file is refused as well', async () => {
  mkdirSync(path.join(outside, 'latest'));
  writeFileSync(path.join(outside, 'latest/meta_data.json'), '{"uuid":"u-1"}');
  symlinkSync(outside, at('run/kios/seed/config-2/openstack'));
  await expect(run()).rejects.toThrow('it is a link out of its volume');
});

it('a link within the volume is followed, as a disc with Rock Ridge may have it', async () => {
  node.seed(DOCUMENT);
  symlinkSync('user-data', at('run/kios/seed/cidata/link'));
  execFileSync('mv', ['-T', at('run/kios/seed/cidata/user-data'), at('run/kios/seed/cidata/real')]);
  symlinkSync('real', at('run/kios/seed/cidata/user-data'));
  await run();
  expect(node.read('etc/hostname')).toBe('n1\n');
});

it('a token is read from a file of the boot medium', async () => {
  node.write('run/kios/seed/boot/token', `${TOKEN}\n`);
  node.write(
    'etc/kios/bootstrap.yaml',
    `${HEAD}auth: {bootstrapTokenFile: /run/kios/seed/boot/token}\n`,
  );
  await expect(run()).rejects.toThrow('cluster: is required because auth is there');
});

it('a token of a file may have another one beside it that vouches for the cluster', async () => {
  node.write('run/kios/seed/boot/token', `${TOKEN}\n`);
  const auth = {
    bootstrapTokenFile: '/run/kios/seed/boot/token',
    discoveryToken: 'ghijkl.9876543210fedcba',
  };
  const document = { apiVersion: 'kios.dev/v1', kind: 'NodeBootstrap', auth } as const;
  expect((await withToken(node.settings, document)).auth).toEqual({
    bootstrapToken: TOKEN,
    discoveryToken: 'ghijkl.9876543210fedcba',
  });
});
