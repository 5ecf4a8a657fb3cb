import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { createLogger } from '@kios/agent';
import { SyscallError } from '@kios/syscall';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Chronyd } from '../../../src/edge/chronyd/chronyd.ts';
import { prepare } from '../../../src/edge/chronyd/config-files.ts';
import { Sources } from '../../../src/edge/sources/sources.ts';

const { signal } = new AbortController();
const log = createLogger('chrony-config', {
  console: { send: () => {}, close: () => Promise.resolve() },
  stdout: { write: () => true },
});
const down = async (): Promise<never> =>
  Promise.reject(new SyscallError('connect', 'ENOENT', 'connect to sock'));
const chronyd: Pick<Chronyd, 'tracking' | 'measurements' | 'shutDown' | 'reloadSources'> = {
  tracking: down,
  measurements: down,
  shutDown: down,
  reloadSources: down,
};

describe('a refused source', () => {
  let dir: string;
  let sources: Sources;
  const servers = async (): Promise<string[]> => {
    const names = await readdir(`${dir}/chrony/sources.d`);
    const texts = names.map((name) => readFile(`${dir}/chrony/sources.d/${name}`, 'utf8'));
    return [...(await Promise.all(texts)).join('').matchAll(/^server (\S+)/gm)].map(
      ([, server]) => server ?? '',
    );
  };
  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'kios-sources-'));
    for (const name of ['chrony', 'net', 'platform']) await mkdir(`${dir}/${name}`);
    await writeFile(`${dir}/platform/platform.json`, '{"v":1,"platform":"none"}');
    await writeFile(
      `${dir}/time.yaml`,
      'servers: [{ address: a.test, nts: true }, { address: b.test, nts: true }, { address: 192.0.2.1 }]\n',
    );
    const layout = { dir: `${dir}/chrony`, socket: `${dir}/chrony/sock/chronyd.sock` };
    await prepare(layout);
    sources = new Sources({
      args: {
        config: `${dir}/time.yaml`,
        operatorDir: dir,
        netDir: `${dir}/net`,
        platformDir: `${dir}/platform`,
        allowPublicPool: 'auto',
        ptpClass: `${dir}/none`,
        ptpDevices: `${dir}/none`,
      },
      layout,
      chronyd: { ...chronyd, step: down, askNow: down },
      resolve: async (name) => Promise.resolve(name === 'a.test' ? ['192.0.2.7'] : ['192.0.2.8']),
      conf: () => '',
      log,
    });
    await sources.update(signal);
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('is taken out by its address', async () => {
    await sources.refuse(['192.0.2.1'], 'its time is 1970');
    expect(await servers()).toEqual(['a.test', 'b.test']);
  });
  it('is taken out by its name, where chronyd asks it by that', async () => {
    await sources.refuse(['192.0.2.7'], 'its time is 1970');
    expect(await servers()).toEqual(['b.test', '192.0.2.1']);
  });
  it('is taken out together with others', async () => {
    await sources.refuse(['192.0.2.1', '192.0.2.7'], 'its time is 1970');
    expect(await servers()).toEqual(['b.test']);
  });
  it('has chrony.conf written again where that has it', async () => {
    await rm(`${dir}/chrony/chrony.conf`);
    await sources.refuse(['192.0.2.1'], 'its time is 1970');
    expect(await readdir(`${dir}/chrony`)).not.toContain('chrony.conf');
    await sources.refuse(['PHC0'], 'its time is 1970');
    expect(await readdir(`${dir}/chrony`)).toContain('chrony.conf');
    expect(await servers()).toEqual(['a.test', 'b.test']);
  });
  it('takes out all that chronyd asks by name, where nobody else knows its address', async () => {
    await sources.refuse(['198.51.100.1'], 'its time is 1970');
    expect(await servers()).toEqual(['192.0.2.1']);
  });
});
