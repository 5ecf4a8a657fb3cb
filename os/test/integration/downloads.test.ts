import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { repository } from '../../src/workstation/paths.ts';
import { silent } from '../../src/workstation/progress.ts';
import { integrityOf, serveNpm } from '../support/npm-registry.ts';
import { serveHttp } from '../support/serve-http.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-downloads-'));
  vi.stubEnv('XDG_CACHE_HOME', `${dir}/cache`);
  vi.resetModules();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  // Go makes the folders of its module cache read-only.
  await execa('chmod', ['-R', 'u+w', dir]);
  await rm(dir, { recursive: true });
});

/** Changes one byte in the middle. */
function alter(bytes: Buffer): Buffer {
  const altered = Buffer.from(bytes);
  altered[altered.length >> 1]! ^= 1;
  return altered;
}

/** Returns the code with which a fetch fails, or that it was accepted. */
const outcome = (fetched: Promise<unknown>): Promise<unknown> =>
  fetched.then(
    () => 'accepted',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  );
const EXPECTED = { own: 'accepted', altered: 'KIOS_INTEGRITY' } as const;
const KINDS = ['own', 'altered'] as const;

/** A Go whose toolchain has this hash. */
const serveGo = (sum: string): Promise<string> =>
  install('go', `case "$1" in mod) echo '{"Sum":"${sum}"}' ;; env) echo /toolchain ;; esac`);

/** Puts a program on the path, before the workstation's own. */
async function install(name: string, body: string): Promise<string> {
  const file = path.join(dir, 'bin', name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${body}\n`);
  await chmod(file, 0o755);
  vi.stubEnv('PATH', `${path.dirname(file)}:${process.env['PATH'] ?? ''}`);
  return file;
}

describe('a build refuses a download of which one byte differs', { timeout: 60_000 }, () => {
  describe('an npm package', () => {
    const name = 'kios-probe';
    const version = '1.0.0';
    let archive: Buffer;

    beforeEach(async () => {
      await mkdir(`${dir}/${name}`);
      await writeFile(`${dir}/${name}/package.json`, JSON.stringify({ name, version }));
      await writeFile(`${dir}/${name}/index.js`, '// a program\n');
      await execa('npm', ['pack', '--silent', `./${name}`], { cwd: dir });
      archive = await readFile(`${dir}/${name}-${version}.tgz`);
      vi.stubEnv('npm_config_cache', `${dir}/npm`);
    });

    /** An archive that npm unpacks, with other bytes in it. */
    async function forge(): Promise<Buffer> {
      await writeFile(`${dir}/${name}/index.js`, '// A program\n');
      await execa('npm', ['pack', '--silent', `./${name}`], { cwd: dir });
      return readFile(`${dir}/${name}-${version}.tgz`);
    }

    it.each(KINDS)('of the image: %s', async (kind) => {
      const served = kind === 'own' ? archive : await forge();
      await using registry = await serveNpm(name, version, served);
      vi.stubEnv('npm_config_registry', registry.url);
      const { npmPackage } = await import('../../src/build/sources/npm.ts');
      const fetched = npmPackage({ name, version, integrity: integrityOf(archive) }, silent);
      expect(await outcome(fetched)).toBe(EXPECTED[kind]);
    });

    it.each(KINDS)('of package-lock.json, as the launcher installs it: %s', async (kind) => {
      const served = kind === 'own' ? archive : await forge();
      await using registry = await serveNpm(name, version, served);
      const checkout = `${dir}/checkout`;
      await mkdir(checkout);
      const dependencies = { [name]: version };
      await writeFile(`${checkout}/package.json`, JSON.stringify({ dependencies }));
      const packages = {
        '': { dependencies },
        [`node_modules/${name}`]: { version, integrity: integrityOf(archive) },
      };
      await writeFile(
        `${checkout}/package-lock.json`,
        JSON.stringify({ lockfileVersion: 3, packages }),
      );
      const launcher = await readFile(path.join(repository, 'kios'), 'utf8');
      const flags = /npm install "\$@" (.*) <\/dev\/null/.exec(launcher)?.[1] ?? '';
      const { exitCode, stderr } = await execa(
        'npm',
        ['install', ...flags.split(' '), `--registry=${registry.url}`],
        { cwd: checkout, reject: false },
      );
      expect({ exitCode, refused: stderr.includes('EINTEGRITY') }).toEqual(
        kind === 'own' ? { exitCode: 0, refused: false } : { exitCode: 1, refused: true },
      );
    });
  });

  it.each(KINDS)('a Debian package: %s', async (kind) => {
    const deb = Buffer.from('a package');
    await writeFile(`${dir}/served.deb`, kind === 'own' ? deb : alter(deb));
    const hash = createHash('sha256').update(deb).digest('hex');
    const file = 'probe_1_amd64.deb';
    await install(
      'apt-get',
      `case "$*" in
*--print-uris*) echo "'http://mirror.example/${file}' ${file} ${deb.length} SHA256:${hash}" ;;
download*) cp ${dir}/served.deb ${file} ;;
esac`,
    );
    vi.stubEnv('KIOS_DEBIAN_MIRROR', 'http://mirror.example/debian/');
    const { fetchDebian } = await import('../../src/build/sources/debian/archive.ts');
    const fetched = fetchDebian({ arch: 'amd64', packages: ['probe'], progress: silent });
    expect(await outcome(fetched)).toBe(EXPECTED[kind]);
  });

  it('a Go toolchain, even where the checksum database is switched off', async () => {
    const { GO_TOOLCHAINS } = await import('../../src/build/versions.ts');
    const { fetchToolchain } = await import('../../src/build/sources/upstream/go-toolchain.ts');
    const [name = '', hash = ''] =
      Object.entries(GO_TOOLCHAINS).find(([each]) =>
        each.endsWith(process.arch === 'x64' ? 'amd64' : 'arm64'),
      ) ?? [];
    const wanted = /^go([\d.]+)\.linux/.exec(name)?.[1] ?? '';
    const fetchWith = async (sum: string): Promise<string> =>
      fetchToolchain({ file: await serveGo(sum), version: 'go1.24' }, wanted, silent);
    expect(await outcome(fetchWith(hash))).toBe('accepted');
    expect(await outcome(fetchWith(hash.replace(/.=$/, 'x=')))).toBe('KIOS_INTEGRITY');
  });

  it.each(KINDS)('a Go module: %s', async (kind) => {
    const { ensureGo } = await import('../../src/build/sources/upstream/go-toolchain.ts');
    const go = await ensureGo(silent);
    const cwd = `${dir}/module`;
    await mkdir(cwd, { recursive: true });
    await cp(path.join(repository, 'init/go.sum'), `${cwd}/go.sum`);
    const required = /golang\.org\/x\/sys (\S+)/.exec(
      await readFile(path.join(repository, 'init/go.mod'), 'utf8'),
    );
    const version = required?.[1] ?? '';
    // A module of one dependency: the proxy below serves that one alone, whatever else init needs.
    await writeFile(`${cwd}/go.mod`, `module probe\n\nrequire golang.org/x/sys ${version}\n`);
    await execa(go, ['mod', 'download'], { cwd }); // into the workstation's cache, which serves as proxy
    const { stdout } = await execa(go, ['env', 'GOMODCACHE'], { cwd });
    const proxy = `${dir}/proxy`;
    await cp(`${stdout}/cache/download/golang.org/x/sys`, `${proxy}/golang.org/x/sys`, {
      recursive: true,
    });
    const zip = `${proxy}/golang.org/x/sys/@v/${version}.zip`;
    if (kind === 'altered') await writeFile(zip, alter(await readFile(zip)));
    const fetched = await execa(go, ['mod', 'download'], {
      cwd,
      reject: false,
      env: {
        GOPROXY: `file://${proxy}`,
        GOMODCACHE: `${dir}/cache/mod`,
        GONOSUMDB: '*',
        GOSUMDB: 'off',
      },
    });
    expect(fetched.exitCode).toBe(kind === 'own' ? 0 : 1);
  });
});

it('what goes into an image comes from no remote cache', { timeout: 120_000 }, async () => {
  const requests: string[] = [];
  await using server = await serveHttp((request, response) => {
    requests.push(`${request.method ?? ''} ${request.url ?? ''}`);
    response.writeHead(404).end();
  });
  // Turbo also reports what it found in its own cache, which is not of interest.
  const artifacts = (): string[] =>
    requests.filter((each) => /^(?:GET|PUT) \/+v8\/artifacts\/[0-9a-f]{16}/.test(each));
  const env = { TURBO_API: server.url, TURBO_TOKEN: 'token', TURBO_TEAM: 'team' };
  const { buildWorkspaces } = await import('../../src/workstation/turbo.ts');
  await buildWorkspaces(['@kios/cni'], { env });
  expect(artifacts()).toEqual([]);
  // With the workstation's settings alone, turbo asks this server.
  const turbo = path.join(repository, 'node_modules/.bin/turbo');
  const args = ['run', 'build', '--filter=@kios/cni', '--force'];
  await execa(turbo, args, { cwd: repository, env, reject: false });
  expect(artifacts()).not.toEqual([]);
});
