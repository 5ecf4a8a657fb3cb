import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { readOwnFile } from '../../src/edge/files/own-file.ts';
import { changedFiles, placeFiles } from '../../src/edge/files/transaction.ts';
import { readNode } from '../../src/edge/node/node.ts';
import { NodeFolder } from '../support/node-folder.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'kios-own-'));
  file = path.join(dir, 'hostname');
});
afterEach(() => rmSync(dir, { recursive: true }));

const wanted = { path: 'hostname', mode: 0o644, content: 'node-1\n' };

/** What a pod with /etc can put in the place of a file. */
const FOREIGN: Readonly<Record<string, () => void>> = {
  'a FIFO, whose reader waits for a writer': () => void execFileSync('mkfifo', [file]),
  'a link to a file without end': () => symlinkSync('/dev/zero', file),
  'a link to itself': () => symlinkSync('hostname', file),
};

describe.each(Object.entries(FOREIGN))('%s', (_, put) => {
  beforeEach(put);

  it('is not waited for, and replaced', async () => {
    expect(await readOwnFile(file)).toBe('foreign');
    expect(await changedFiles(dir, [wanted])).toEqual([wanted]);
    await placeFiles(dir, [wanted]);
    expect(readFileSync(file, 'utf8')).toBe('node-1\n');
    expect(await changedFiles(dir, [wanted])).toEqual([]);
  });
});

it('a file of the agent and one that does not exist are read as they are', async () => {
  expect(await readOwnFile(file)).toBeUndefined();
  writeFileSync(file, 'node-1\n');
  chmodSync(file, 0o644);
  expect((await readOwnFile(file))?.toString()).toBe('node-1\n');
  expect(await changedFiles(dir, [wanted])).toEqual([]);
});

it('a node with a FIFO as its host name has none', async () => {
  await using node = await NodeFolder.make();
  const { etc } = node.settings;
  mkdirSync(etc, { recursive: true });
  rmSync(path.join(etc, 'hostname'), { force: true });
  execFileSync('mkfifo', [path.join(etc, 'hostname')]);
  expect((await readNode(node.settings)).hostname).toBeUndefined();
});
