import { lstat, mkdtemp, readFile, readlink, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { tar } from '../../../../src/build/formats/tar.ts';
import { fingerprints, Tree, twins } from '../../../../src/build/formats/tree.ts';
import { storedFile } from '../../../../src/build/image/stored-files.ts';
import { run } from '../../../../src/workstation/run.ts';
import { anyFiles, bytesOf, origin, treeOf } from '../../../support/trees.ts';

const TIME = 1_700_000_000;
const LONG = `/${'folder/'.repeat(20)}file`;

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-tar-'));
});
afterAll(() => rm(dir, { recursive: true }));

const example = (): Tree =>
  new Tree()
    .directory('/tmp', 0o1777)
    .file('/bin/program', 0o755, { bytes: Buffer.from('#!') }, origin)
    .text('/etc/text', 'hello\n', origin)
    .text('/etc/empty', '', origin)
    .text('/etc/umläut', 'ü', origin)
    .symlink('/bin/alias', 'program')
    .text(LONG, 'far down', origin)
    .symlink('/long-link', LONG);

const linksIn = async (tree: Tree): Promise<Map<string, string>> =>
  twins(tree, await fingerprints(tree));

it('is read by the workstation’s tar: kinds, modes, owner, sizes, times', async () => {
  const input = await bytesOf(tar(example(), TIME));
  const env = { TZ: 'UTC', LC_ALL: 'C.UTF-8' };
  const listed = await run(
    'tar',
    ['-tv', '--numeric-owner', '--full-time', '--quoting-style=literal'],
    {
      input,
      env,
    },
  );
  const lines = listed.split('\n').map((line) => line.replaceAll(/ +/g, ' '));
  expect(lines.filter((line) => !line.includes(' folder/'))).toEqual([
    'drwxr-xr-x 0/0 0 2023-11-14 22:13:20 bin/',
    'lrwxrwxrwx 0/0 0 2023-11-14 22:13:20 bin/alias -> program',
    '-rwxr-xr-x 0/0 2 2023-11-14 22:13:20 bin/program',
    'drwxr-xr-x 0/0 0 2023-11-14 22:13:20 etc/',
    '-rw-r--r-- 0/0 0 2023-11-14 22:13:20 etc/empty',
    '-rw-r--r-- 0/0 6 2023-11-14 22:13:20 etc/text',
    '-rw-r--r-- 0/0 2 2023-11-14 22:13:20 etc/umläut',
    `lrwxrwxrwx 0/0 0 2023-11-14 22:13:20 long-link -> ${LONG}`,
    'drwxrwxrwt 0/0 0 2023-11-14 22:13:20 tmp/',
  ]);
  expect(lines).toContain(`-rw-r--r-- 0/0 8 2023-11-14 22:13:20 ${LONG.slice(1)}`);
});

it.each([99, 100, 101, 255])('keeps a name and a link target of %i bytes', async (length) => {
  const name = 'n'.repeat(length - 1);
  const target = 't'.repeat(length);
  const tree = new Tree().text(`/${name}x`, 'content', origin).symlink('/link', target);
  const into = await mkdtemp(path.join(dir, 'name-'));
  await run('tar', ['-x', '-C', into], { input: await bytesOf(tar(tree, TIME)) });
  expect(await readFile(path.join(into, `${name}x`), 'utf8')).toBe('content');
  expect(await readlink(path.join(into, 'link'))).toBe(target);
});

it('holds equal files once when hard links are asked for, but not those of another mode', async () => {
  const tree = new Tree()
    .text('/a', 'equal', origin)
    .text('/b', 'equal', origin)
    .file('/program', 0o755, { bytes: Buffer.from('equal') }, origin);
  const into = await mkdtemp(path.join(dir, 'links-'));
  const input = await bytesOf(tar(tree, TIME, await linksIn(tree)));
  await run('tar', ['-xp', '-C', into], { input });
  const [a, b, program] = await Promise.all(
    ['a', 'b', 'program'].map((name) => lstat(path.join(into, name))),
  );
  expect(b?.ino).toBe(a?.ino);
  expect(program?.ino).not.toBe(a?.ino);
  expect(program?.mode).toBe(0o100755);
});

it.each([false, true])('is unpacked to the same files (hard links: %s)', async (hardLinks) => {
  await fc.assert(
    fc.asyncProperty(anyFiles, async (files) => {
      const into = await mkdtemp(path.join(dir, 'any-'));
      const tree = treeOf(files);
      const links = hardLinks ? await linksIn(tree) : new Map<string, string>();
      const input = await bytesOf(tar(tree, TIME, links));
      await run('tar', ['-xp', '-C', into], { input });
      for (const [where, { bytes, executable }] of Object.entries(files)) {
        const file = path.join(into, where);
        expect(await readFile(file)).toEqual(Buffer.from(bytes));
        const { mode, mtimeMs } = await lstat(file);
        expect([mode & 0o7777, mtimeMs]).toEqual([executable ? 0o755 : 0o644, TIME * 1000]);
      }
    }),
    { numRuns: 25 },
  );
});

it('is the same for equal trees and differs for another time', async () => {
  const first = await bytesOf(tar(example(), TIME));
  expect(await bytesOf(tar(example(), TIME))).toEqual(first);
  expect(await bytesOf(tar(example(), TIME + 1))).not.toEqual(first);
});

it('rejects a file that shrinks while it is read', async () => {
  const file = path.join(dir, 'shrinks');
  await writeFile(file, 'ten bytes.');
  const stream = tar(new Tree().file('/x', 0o644, storedFile(file), origin), TIME);
  await stream.next();
  await truncate(file, 3);
  await expect(bytesOf(stream)).rejects.toThrow('it changed while the image was built');
});
