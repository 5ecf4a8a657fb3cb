import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

import { RunningProcess, requireRoot } from '@kios/testkit';
import { canHave, SYS_RESOURCE } from '@kios/testkit/capability';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const BUNDLE = path.join(import.meta.dirname, '../../dist/agent.cjs');
const MIB = 2 ** 20;
const SMALL = 256 * MIB;
const LARGE = 3072 * MIB + 4096 * 3;
const KILLS = 50;
/** Longer than the agent takes, so that some kills come too late. */
const LATEST_KILL_MS = 150;
const CONTENT = 'kept\n'.repeat(100_000);
const HOLDER = `console.log('ready'); setInterval(() => {}, 1e9)`;
/** The features of the image's file system that matter to growth. */
const FEATURES =
  'has_journal,extent,flex_bg,metadata_csum,metadata_csum_seed,64bit,sparse_super,resize_inode';

const run = async (program: string, ...args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(program, args)).stdout.trim();

const mayResize = canHave(SYS_RESOURCE);
if (!mayResize) process.stderr.write('skipped: growth needs CAP_SYS_RESOURCE on this machine\n');

let root: string;
let file: string;
let mount: string;
let device = '';
let holder: RunningProcess;

/** Runs a program in the mount namespace of this test. */
const inside = (...command: readonly string[]): readonly string[] => [
  `--mount=/proc/${holder.pid}/ns/mnt`,
  '--',
  ...command,
];
const exec = (...command: readonly string[]): Promise<string> =>
  run('nsenter', ...inside(...command));

/** Runs the agent on a folder, with these capabilities alone, as a pod has them. */
const agent = (folder: string, capabilities: string): RunningProcess =>
  new RunningProcess(
    'nsenter',
    inside(
      'setpriv',
      `--bounding-set=-all${capabilities}`,
      '--no-new-privs',
      process.execPath,
      BUNDLE,
      'grow',
      `--folder=${folder}`,
    ),
  );

async function open(): Promise<void> {
  device = await run('losetup', '--find', '--show', file);
  await exec('mount', '-t', 'ext4', device, mount);
}

async function close(): Promise<void> {
  await exec('umount', mount);
  await run('losetup', '--detach', device);
  device = '';
}

/** Makes a file system with a folder for the agent and a file, on a device that has become larger. */
async function makeGrown(): Promise<void> {
  await rm(file, { force: true });
  await writeFile(file, '');
  await truncate(file, SMALL);
  await run('mke2fs', '-q', '-F', '-t', 'ext4', '-O', FEATURES, '-b', '4096', file);
  await truncate(file, LARGE);
  await open();
  await exec('mkdir', path.join(mount, 'folder'));
  const source = path.join(root, 'content');
  await writeFile(source, CONTENT);
  await exec('cp', source, path.join(mount, 'kept'));
}

/** Demands that the file system is whole and its file there, and returns its size in blocks. */
async function proven(): Promise<number> {
  await run('e2fsck', '-f', '-n', file); // fails for anything but a clean one
  const kept = await promisify(execFile)('debugfs', ['-R', 'cat /kept', file], { maxBuffer: MIB });
  expect(kept.stdout).toBe(CONTENT);
  const listed = await run('dumpe2fs', '-h', file);
  return Number(/^Block count:\s+(\d+)/m.exec(listed)?.[1]);
}

beforeEach(async (context) => {
  requireRoot(context);
  root = await mkdtemp(path.join(tmpdir(), 'kios-resize-'));
  file = path.join(root, 'ext4');
  mount = path.join(root, 'mount');
  await mkdir(mount);
  holder = new RunningProcess('unshare', [
    '--mount',
    '--propagation=private',
    process.execPath,
    '-e',
    HOLDER,
  ]);
  await holder.expect('ready');
});

afterEach(async () => {
  await holder.stop('SIGKILL'); // the last process of the namespace, so its mounts go with it
  if (device !== '') await run('losetup', '--detach', device);
  await rm(root, { recursive: true, force: true });
});

it('names the capability that it lacks, and changes nothing', async () => {
  await makeGrown();
  const refused = agent(path.join(mount, 'folder'), '');
  expect(await refused.exited).toBe(77);
  const said = refused.lines.join('\n');
  expect(said).toContain('KIOS_RESIZE');
  expect(said).toContain('SYS_RESOURCE');
  await close();
  expect(await proven()).toBe(SMALL / 4096);
});

describe.skipIf(!mayResize)('with CAP_SYS_RESOURCE alone', () => {
  it('grows the file system in use to its device, and does nothing more', async () => {
    await makeGrown();
    const folder = path.join(mount, 'folder');
    const first = agent(folder, ',+sys_resource');
    expect(await first.exited).toBe(0);
    expect(first.lines.join('\n')).toContain('"ev":"grown"');
    const second = agent(folder, ',+sys_resource');
    expect(await second.exited).toBe(0);
    expect(second.lines.join('\n')).toContain('"ev":"unchanged"');
    await close();
    const blocks = await proven();
    expect(blocks).toBeLessThanOrEqual(Math.floor(LARGE / 4096));
    expect(blocks).toBeGreaterThan((LARGE - 16 * MIB) / 4096);
  });

  it('needs a mount that is writable', async () => {
    await makeGrown();
    const readOnly = path.join(root, 'read-only');
    await mkdir(readOnly);
    await exec('mount', '--bind', path.join(mount, 'folder'), readOnly);
    await exec('mount', '-o', 'remount,ro,bind', readOnly);
    const refused = agent(readOnly, ',+sys_resource');
    expect(await refused.exited).toBe(71);
    expect(refused.lines.join('\n')).toContain('EROFS');
    await exec('umount', readOnly);
    await close();
    expect(await proven()).toBe(SMALL / 4096);
  });

  it(
    `leaves the old or a larger size after each of ${KILLS} kills`,
    { timeout: 300_000 },
    async () => {
      for (let kill = 0; kill < KILLS; kill++) {
        await makeGrown();
        const killed = agent(path.join(mount, 'folder'), ',+sys_resource');
        await delay((LATEST_KILL_MS * kill) / KILLS);
        await killed.stop('SIGKILL');
        await close();
        expect(await proven()).toBeGreaterThanOrEqual(SMALL / 4096);
        await open();
        const next = agent(path.join(mount, 'folder'), ',+sys_resource');
        expect(await next.exited).toBe(0);
        await close();
        expect(await proven()).toBeGreaterThan((LARGE - 16 * MIB) / 4096);
      }
    },
  );
});
