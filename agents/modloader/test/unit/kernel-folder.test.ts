import { mkdir, mkdtemp, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { loadedModules } from '../../src/edge/kernel/linux-kernel.ts';
import { waitForModules } from '../../src/edge/loading/kernel-folder.ts';
import { seal } from '../../src/edge/loading/seal.ts';
import { Logbook } from '../support/logbook.ts';

let dir: string;
const stop = new AbortController();
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-folder-'));
});
afterEach(() => rm(dir, { recursive: true }));

describe("the kernel's modules", () => {
  it('are waited for by changes of folders, and that is said once', { timeout: 4000 }, async () => {
    const log = new Logbook();
    await mkdir(`${dir}/lib`);
    await mkdir(`${dir}/lib/6.1`);
    const place = { modulesDir: `${dir}/lib/modules`, kernel: '6.12' };
    const wait = waitForModules(place, log, stop.signal);
    await log.line('modules.missing');
    await mkdir(`${dir}/lib/modules`);
    await mkdir(`${dir}/lib/modules/6.11`);
    await mkdir(`${dir}/new`);
    await writeFile(`${dir}/new/modules.dep`, '');
    await rename(`${dir}/new`, `${dir}/lib/modules/6.12`);
    await wait;
    expect(log.of('modules.missing')).toHaveLength(1);
    expect(log.of('modules.missing')[0]?.['err']).toMatchObject({ code: 'KIOS_MODULES_DIR' });
  });

  it('that are there are not waited for', async () => {
    const log = new Logbook();
    await mkdir(`${dir}/6.12`);
    await writeFile(`${dir}/6.12/modules.dep`, '');
    await waitForModules({ modulesDir: dir, kernel: '6.12' }, log, stop.signal);
    expect(log.lines).toEqual([]);
  });

  it('end their wait when it is stopped', async () => {
    const log = new Logbook();
    const end = new AbortController();
    const wait = waitForModules({ modulesDir: dir, kernel: '6.12' }, log, end.signal);
    await log.line('modules.missing');
    end.abort(new Error('stopped'));
    await expect(wait).rejects.toThrow('stopped');
  });

  it('in memory are those whose init function has returned', () => {
    const proc = `virtio_net 94208 0 - Live 0x0000000000000000
failover 12288 1 net_failover, Live 0x0000000000000000
nvme 61440 0 - Loading 0x0000000000000000
gone 4096 0 - Unloading 0x0000000000000000
`;
    expect(loadedModules(proc)).toEqual(['virtio_net', 'failover']);
    expect(loadedModules('')).toEqual([]);
  });
});

describe('the seal', () => {
  it('is written once', async () => {
    const file = `${dir}/modules_disabled`;
    await writeFile(file, '0\n');
    seal(file);
    expect(await readFile(file, 'utf8')).toBe('1\n');
    await utimes(file, 1, 1);
    seal(file);
    expect((await stat(file)).mtimeMs).toBe(1000);
  });

  it('says how to get rid of a read-only file', () => {
    expect(() => seal(`${dir}/none`)).toThrow(
      expect.objectContaining({ code: 'KIOS_MODULE_SEAL', exitCode: 71 }),
    );
  });
});
