import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { release, tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';

import { RunningProcess, shippedRuntime } from '@kios/testkit';
import * as v from 'valibot';
import { beforeAll, describe, expect, it } from 'vitest';

/**
 * These tests load modules and then close the kernel to them, so they run only in a guest. `KIOS_MODULES` is the folder
 * of its kernel's modules; `KIOS_MODULE_AGENT` is the agent's program.
 */
const MODULES = process.env['KIOS_MODULES'] ?? '';
const AGENT = process.env['KIOS_MODULE_AGENT'] ?? '';
/** An emulator is slow. */
const SOON_MS = 60_000;

/** A driver without a device here, which needs others. */
const DRIVER = 'sdhci_pci';
/** Needs nothing, and is loaded by no other test. */
const LAST = 'megaraid_sas';

const Load = v.object({ ev: v.string(), name: v.optional(v.string()), by: v.optional(v.string()) });

const eventsOf = ({ lines }: RunningProcess, ev: string) =>
  lines
    .filter((line) => line.includes(`"ev":"${ev}"`))
    .map((line) => v.parse(v.pipe(v.string(), v.parseJson(), Load), line));

const stateOf = async (name: string): Promise<string> =>
  (await readFile(`/sys/module/${name}/initstate`, 'utf8')).trim();

describe('the loader, on the node’s own kernel', { timeout: 300_000 }, () => {
  let dir: string;

  beforeAll(async () => {
    const first = await readFile('/proc/1/cmdline', 'utf8');
    if (!first.includes('/guest-init.ts'))
      throw new Error('only a guest may have its kernel changed');
    dir = await mkdtemp(path.join(tmpdir(), 'kios-modules-'));
    for (const name of ['all', 'status']) await mkdir(`${dir}/${name}`);
    await symlink(MODULES, `${dir}/all/${release()}`);
    await writeFile(`${dir}/modules.yaml`, 'coldplug: { enabled: false }\n');
  });

  const start = (verb: string, modules: string, ...args: string[]): RunningProcess => {
    const settings = [`--config-dir=${dir}/none`, `--policy=${dir}/modules.yaml`];
    const flags = [`--modules-dir=${modules}`, ...settings, ...args];
    const env = { ...process.env, KIOS_CONSOLE: `${dir}/none`, UV_THREADPOOL_SIZE: '16' };
    return new RunningProcess(shippedRuntime(), [AGENT, verb, ...flags], env);
  };
  const load = async (name: string, modules = `${dir}/all`): Promise<RunningProcess> => {
    const running = start('load', modules, name);
    await running.exited;
    return running;
  };

  it('loads a driver behind all that it needs', async () => {
    const done = await load(DRIVER);
    expect(await done.exited).toBe(0);
    const loaded = eventsOf(done, 'mod.load');
    expect(loaded.length).toBeGreaterThan(2);
    expect(loaded.at(-1)).toMatchObject({ name: DRIVER, by: 'config' });
    expect(new Set(loaded.slice(0, -1).map(({ by }) => by))).toEqual(new Set(['dep']));
    for (const { name = '' } of loaded) expect(await stateOf(name)).toBe('live');
  });

  it('loads nothing that is there', async () => {
    const done = await load(DRIVER);
    expect([await done.exited, eventsOf(done, 'mod.load')]).toEqual([0, []]);
  });

  it.each([
    ['crc8', 'gz', gzipSync],
    ['crc-ccitt', 'zst', zstdCompressSync],
  ])('unpacks %s.ko.%s, which the kernel cannot', async (name, suffix, pack) => {
    expect(existsSync('/sys/module/compression')).toBe(false);
    const index = await readFile(`${MODULES}/modules.dep`, 'utf8');
    const [, file = ''] = new RegExp(`^(\\S*/${name}\\.ko):`, 'm').exec(index) ?? [];
    const folder = `${dir}/${suffix}/${release()}`;
    await mkdir(folder, { recursive: true });
    await writeFile(`${folder}/${name}.ko.${suffix}`, pack(await readFile(`${MODULES}/${file}`)));
    await writeFile(`${folder}/modules.dep`, `${name}.ko.${suffix}:\n`);
    const done = await load(name, `${dir}/${suffix}`);
    // With the lines, which say why where it did not.
    expect([await done.exited, done.lines]).toEqual([0, expect.any(Array) as unknown]);
    expect(await stateOf(name.replaceAll('-', '_'))).toBe('live');
  });

  // The last one: what it does holds until the guest ends.
  it('closes the kernel to modules, and says of the next one why it is refused', async () => {
    const later = ['--later-after=0', '--seal', '--seal-after=0'];
    const files = [`--status-dir=${dir}/status`, `--load-dir=${dir}/none`];
    const daemon = start('run', `${dir}/all`, ...later, ...files);
    await daemon.expect('"ev":"sealed"', SOON_MS);
    expect(await readFile('/proc/sys/kernel/modules_disabled', 'utf8')).toBe('1\n');
    const refused = await load(LAST);
    expect(await refused.exited).toBe(71);
    expect(refused.lines.join('\n')).toContain('module loading was switched off for this boot');
    expect(existsSync(`/sys/module/${LAST}`)).toBe(false);
    // What is loaded already needs no load.
    expect(await (await load(DRIVER)).exited).toBe(0);
    expect(await daemon.stop()).toBe(0);
  });
});
