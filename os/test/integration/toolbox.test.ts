import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { requireRoot } from '@kios/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { chunksOf, sizeOf, type Tree } from '../../src/build/formats/tree.ts';
import { DATA, KMOD_NAMES, PROGRAMS } from '../../src/build/toolbox/contents.ts';
import { toolboxTree } from '../../src/build/toolbox/toolbox.ts';
import type { PublishResult } from '../../src/publish/publish.ts';
import { workstationArch } from '../../src/workstation/arch.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { ARCHES } from '../../src/workstation/paths.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import { fakeBuild } from '../support/publish/fake-builds.ts';
import { startReferrersRegistry, type TestRegistry } from '../support/publish/registries.ts';
import { RegistryReader } from '../support/publish/registry-reader.ts';
import { runPublish } from '../support/publish/run-publish.ts';
import { bytesOf } from '../support/trees.ts';

/** The toolbox: its programs run, it is published only when asked for, and it grants nothing by itself. */

vi.setConfig({ testTimeout: 300_000, hookTimeout: 1_200_000 });

/** What each program prints when it is asked for its version, or for something that needs no privileges. */
const ASKED: Readonly<Record<string, readonly string[]>> = {
  arping: ['-V'], bash: ['--version'], blkid: ['--version'], bridge: ['-V'], busybox: ['true'], conntrack: ['--version'], curl: ['--version'],
  dig: ['-v'], dmesg: ['--version'], dumpe2fs: ['-V'], ethtool: ['--version'], findmnt: ['--version'], free: ['--version'], ip: ['-V'],
  jq: ['--version'], kmod: ['--version'], lsblk: ['--version'], lscpu: ['--version'], lsns: ['--version'], lspci: ['--version'],
  nft: ['--version'], nsenter: ['--version'], openssl: ['version'], ping: ['-V'], ps: ['--version'], smartctl: ['--version'], ss: ['-V'],
  strace: ['--version'], tc: ['-V'], tcpdump: ['--version'], top: ['-V'], tracepath: ['-V'], unshare: ['--version'], vmstat: ['--version'],
}; // prettier-ignore

const LARGEST = 80_000_000;

let home = '';
const trees = new Map<string, Tree>();

beforeAll(async () => {
  await ensurePackages(['build'], silent);
  home = await mkdtemp(path.join(tmpdir(), 'kios-toolbox-'));
  for (const arch of ARCHES) trees.set(arch, await toolboxTree(arch, silent));
});

afterAll(() => rm(home, { recursive: true, force: true }));

const treeOf = (arch: string): Tree => trees.get(arch)!;

const programsOf = (arch: string): string[] =>
  treeOf(arch)
    .sorted()
    .map(([where]) => where)
    .filter((where) => /^\/usr\/s?bin\//.test(where));

/** The digest of the release itself. */
const releaseOf = ({ images }: Pick<PublishResult, 'images'>): string | undefined =>
  images.find(({ name }) => name === 'os')?.digest;

/** Writes a tree to the workstation's disk. */
async function write(tree: Tree, folder: string): Promise<void> {
  await mkdir(folder);
  for (const [where, entry] of tree.sorted()) {
    const target = path.join(folder, where);
    if (entry.type === 'directory') await mkdir(target, { recursive: true });
    else if (entry.type === 'symlink') await symlink(entry.target, target);
    else {
      const chunks = chunksOf(entry.content, await sizeOf(entry.content));
      await writeFile(target, await bytesOf(chunks));
      await chmod(target, entry.mode);
    }
  }
}

it('has the same programs for each architecture, with all that they link against', () => {
  expect(programsOf('arm64')).toEqual(programsOf('amd64'));
  for (const name of [...Object.values(PROGRAMS), ...Object.values(DATA)].flat())
    expect(treeOf('arm64').has(`/${name}`)).toBe(true);
});

it('has nothing that gives a user more rights, and is small', async () => {
  let size = 0;
  for (const [where, entry] of treeOf('amd64').sorted()) {
    if (entry.type !== 'file') continue;
    size += await sizeOf(entry.content);
    expect([where, entry.mode & 0o7022]).toEqual([where, 0]);
  }
  expect(size).toBeLessThan(LARGEST);
});

it('has no program that ends the node', () => {
  for (const name of ['halt', 'init', 'poweroff', 'reboot'])
    for (const folder of ['/usr/bin', '/usr/sbin'])
      expect(treeOf('amd64').has(`${folder}/${name}`)).toBe(false);
});

it('each program is asked below', () => {
  const programs = Object.values(PROGRAMS).flat().map((file) => path.basename(file)); // prettier-ignore
  expect(Object.keys(ASKED).toSorted()).toEqual(programs.toSorted());
});

it('its programs run with nothing but the image', async (context) => {
  requireRoot(context);
  const folder = path.join(home, 'root');
  await write(treeOf(workstationArch()), folder);
  // What each container has, and programs ask for random numbers from.
  await mkdir(path.join(folder, 'dev'), { recursive: true });
  for (const [name, minor] of [
    ['null', 3],
    ['random', 8],
    ['urandom', 9],
  ])
    await run('mknod', ['-m', '666', path.join(folder, `dev/${name}`), 'c', '1', String(minor)]);
  const proc = path.join(folder, 'proc');
  await mkdir(proc, { recursive: true });
  // The mount goes with the program's own view of mounts.
  const words = ['--mount', '--pid', '--fork', `--mount-proc=${proc}`, '/usr/sbin/chroot', folder];
  const inside = (...command: readonly string[]): Promise<string> =>
    run('unshare', [...words, ...command], { env: { PATH: '/usr/sbin:/usr/bin' } });
  for (const [program, asked] of Object.entries(ASKED)) await inside(program, ...asked);
  for (const name of KMOD_NAMES) expect(await inside(name, '--version')).toContain('kmod');
  // Names of busybox beside those of Debian, and a shell that finds both.
  expect(await inside('bash', '-c', 'echo a b | awk "{print \\$2}" | tr b c')).toBe('c');
  expect(await inside('bash', '-c', 'ip -j link | jq -r ".[].ifname" | grep -x lo')).toBe('lo');
  expect(await inside('sh', '-c', 'vi --help 2>&1 | head -1')).toContain('BusyBox');
  expect(await inside('bash', '-c', 'id -un')).toBe('root');
  // Debian's tcpdump captures nothing without its own user.
  expect(await inside('bash', '-c', 'id -u tcpdump')).toBe('100');
});

describe('publishing', () => {
  let registry: TestRegistry;
  let reader: RegistryReader;
  let without: PublishResult;

  beforeAll(async () => {
    registry = await startReferrersRegistry(path.join(home, 'registry'));
    reader = new RegistryReader(registry);
    await fakeBuild({ home, content: 'first' });
    without = await runPublish({ home, registry });
  });

  afterAll(() => registry?.[Symbol.asyncDispose]());

  it('sends no toolbox unless it is asked for', () => {
    expect(without.images.map(({ name }) => name)).not.toContain('toolbox');
  });

  it('sends it for both architectures with bills of materials, and leaves the release as it was', async () => {
    const { images } = await runPublish({ home, registry, toolbox: true });
    const toolbox = images.find(({ name }) => name === 'toolbox');
    const index = await reader.complete('kios/toolbox', 'v1');
    expect(index.digest).toBe(toolbox?.digest);
    expect(index.manifests.map(({ platform }) => platform?.architecture)).toEqual([
      'amd64',
      'arm64',
    ]);
    for (const { digest } of index.manifests) {
      const [sbom] = await reader.referrers('kios/toolbox', digest);
      const { layers } = await reader.complete('kios/toolbox', sbom?.digest ?? '');
      const text = (await reader.blob('kios/toolbox', layers[0]?.digest ?? '')).toString();
      expect(text).toContain('pkg:deb/debian/tcpdump@');
    }
    expect(releaseOf({ images })).toBe(releaseOf(without));
  });
});
