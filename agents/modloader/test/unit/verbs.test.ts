import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { runProgram } from '@kios/agent';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { requireCapability } from '../../src/edge/kernel/capability.ts';
import { PROGRAM } from '../../src/verbs/program.ts';
import { Logbook } from '../support/logbook.ts';

const STATUS = {
  v: 1,
  kernel: '6.12',
  ready: true,
  loaded: [
    { name: 'test_net', by: 'alias', alias: 'test:d1', ms: 4 },
    { name: 'test_base', by: 'dep', alias: 'test_net' },
    { name: 'nfs', by: 'request' },
    { name: 'nbd', by: 'config' },
    { name: 'test_fs', by: 'before' },
  ],
  builtin: [],
  failed: [{ name: 'test_bad', errno: 'ENOEXEC', why: 'not a module of this kernel' }],
  denied: [],
  unresolved: [],
  devices: 3,
};

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-verbs-'));
  const put = async (file: string, text: string | Uint8Array): Promise<void> => {
    await mkdir(path.dirname(`${dir}/${file}`), { recursive: true });
    await writeFile(`${dir}/${file}`, text);
  };
  const root = 'lib/6.12/';
  await put(
    `${root}modules.dep`,
    'k/test_base.ko:\nk/test_net.ko: k/test_base.ko\nk/test_bad.ko:\nk/test_xz.ko.xz:\n',
  );
  await put(`${root}modules.alias`, 'alias test:d* test_net\n');
  await put(`${root}modules.builtin`, 'kernel/fs/x/test_fs.ko\n');
  await put(`${root}k/test_base.ko`, 'xx\0firmware=no end');
  await put(`${root}k/test_net.ko`, 'ELF\0license=GPL\0firmware=net/a.bin\0firmware=net/b.bin\0');
  await put(`${root}k/test_xz.ko.xz`, 'packed');
  await put('status.json', JSON.stringify(STATUS));
  await put('deny.yaml', 'deny: [test_base]\n');
  await put('both.yaml', 'allow: [test_net]\ndeny: [test_net]\n');
  await put('list.yaml', 'load: [{ name: test_net }]\ndeny: [test_base]\n');
  await put('params.yaml', `load:\n  - { name: test_bad, params: 'a="1' }\n`);
  await put('hardware.txt', '# a machine\ntest:d1\n\ntest_fs\npci:unknown\n');
});
afterAll(() => rm(dir, { recursive: true }));

async function call(...argv: readonly string[]): Promise<{ code: number; log: Logbook }> {
  const log = new Logbook();
  const defaults = {
    '--modules-dir': `${dir}/lib`,
    '--kernel': '6.12',
    '--config-dir': `${dir}/none`,
    '--policy': `${dir}/none.yaml`,
  };
  const [verb = '', ...rest] = argv;
  const missing = Object.entries(defaults).filter(
    ([flag]) => verb !== 'status' && !argv.some((word) => word.startsWith(flag)),
  );
  const flags = missing.map(([flag, value]) => `${flag}=${value}`);
  return { code: await runProgram(PROGRAM, [verb, ...flags, ...rest], log), log };
}
const failure = (log: Logbook): unknown => log.of('failed')[0]?.['err'];

describe('an exit code', () => {
  it.each([
    [0, ['load', '--dry-run', 'test-net']],
    [0, ['load', '--dry-run', 'test_fs']],
    [0, ['load', '--dry-run', '--optional', 'no_such']],
    [0, ['coldplug', '--dry-run']],
    [0, ['load', '--check', 'test_net']],
    [64, ['load', '--jobs=many', 'test_net']],
    [64, ['run', '--wait-for=eth0', '--check']],
    [64, ['coldplug', '--timeout=soon']],
    [65, ['load', '--dry-run', 'no_such']],
    [65, ['load', '--dry-run', 'a/b']],
    [65, ['load', '--dry-run', '..']],
    [65, ['load', '--dry-run', 'a b']],
    [65, ['load', '--dry-run', 'x'.repeat(57)]],
    [65, ['load', '--dry-run', '[a']],
    [65, ['why', 'no_such']],
    [65, ['resolve', '--from=/nonexistent']],
    [65, ['status', '--file=/nonexistent']],
    [78, ['load', '--dry-run', '--kernel=6.13', 'test_net']],
    [78, ['coldplug', '--dry-run', '--modules-dir=/nonexistent']],
  ])('%d: %j', async (code, argv) => {
    expect((await call(...argv)).code).toBe(code);
  });

  it('77: no capability, unless the kernel has no modules at all', () => {
    const without = { hasCapability: false };
    expect(() => requireCapability(without, true)).toThrow(
      expect.objectContaining({ code: 'KIOS_CAPABILITY', exitCode: 77 }),
    );
    expect(() => requireCapability(without, false)).not.toThrow();
    expect(() => requireCapability({ hasCapability: true }, true)).not.toThrow();
  });
});

describe('load', () => {
  it('names a module that was meant', async () => {
    const { log } = await call('load', '--dry-run', 'test_nte');
    expect(failure(log)).toMatchObject({
      code: 'KIOS_MODULE_UNKNOWN',
      remedy: 'Name test_net, if that was meant.',
    });
  });

  it('warns of an unknown module that is optional', async () => {
    const { log } = await call('load', '--dry-run', '--optional', 'no_such');
    expect(log.of('mod.unknown')).toMatchObject([{ level: 'warn', name: 'no_such' }]);
  });

  it.each([
    ['a denied dependency', 'deny.yaml', 'deny: test_base'],
    ['deny, which wins over allow', 'both.yaml', 'deny: test_net'],
  ])('is told of %s: 78 in a check, 71 when it is to be loaded', async (_, file, rule) => {
    const checked = await call('load', '--check', `--policy=${dir}/${file}`, 'test_net');
    expect(checked.code).toBe(78);
    expect(failure(checked.log)).toMatchObject({ code: 'KIOS_MODULE_DENIED' });
    expect(String(failure(checked.log))).toContain(rule);
    const loaded = await call('load', '--dry-run', `--policy=${dir}/${file}`, 'test_net');
    expect(loaded.code).toBe(71);
    expect(failure(loaded.log)).toMatchObject({ code: 'KIOS_MODULE_LOAD' });
  });

  it("checks the policy's own list too", async () => {
    const { code, log } = await call('coldplug', '--check', `--policy=${dir}/list.yaml`);
    expect(code).toBe(78);
    expect(String(failure(log))).toContain('test_net: it needs test_base, which is denied');
  });

  it('refuses parameters with half a quote in a check', async () => {
    const { code, log } = await call('coldplug', '--check', `--policy=${dir}/params.yaml`);
    expect(code).toBe(78);
    expect(String(failure(log))).toContain('line 2: load.0.params: must have balanced quotes');
  });

  it('says which kernels have modules here', async () => {
    const { log } = await call('load', '--dry-run', '--kernel=6.13', 'test_net');
    expect(failure(log)).toMatchObject({ code: 'KIOS_MODULES_DIR' });
    expect(failure(log)).toHaveProperty('remedy', expect.stringContaining('Found: 6.12.'));
  });
});

describe('resolve', () => {
  it('lists what each alias means and needs', async () => {
    const { log } = await call('resolve', 'test:d1', 'no_such');
    expect(log.of('resolve')).toMatchObject([
      { modules: ['test_net'], load: ['k/test_base.ko', 'k/test_net.ko'] },
      { modules: [], load: [] },
    ]);
  });

  it('sums up what a list of hardware needs', async () => {
    const { code, log } = await call('resolve', `--from=${dir}/hardware.txt`, '--closure');
    expect(code).toBe(0);
    expect(log.of('closure')).toMatchObject([
      {
        modules: ['test_base', 'test_net'],
        files: ['k/test_base.ko', 'k/test_net.ko'],
        bytes: 18 + 54,
        builtin: ['test_fs'],
        firmware: ['net/a.bin', 'net/b.bin', 'no end'],
        unresolved: ['pci:unknown'],
      },
    ]);
  });

  it('says of which files it cannot know the firmware', async () => {
    const { code, log } = await call('resolve', 'test_xz', 'test_base', '--closure');
    expect(code).toBe(0);
    expect(log.of('closure')).toMatchObject([{ bytes: 6 + 18, unread: ['k/test_xz.ko.xz'] }]);
  });

  it('names a module file that is not there', async () => {
    const { code, log } = await call('resolve', 'test_bad', '--closure');
    expect(code).toBe(65);
    expect(failure(log)).toMatchObject({ code: 'KIOS_MODULE_LIST' });
  });
});

describe('status', () => {
  it('prints what run wrote', async () => {
    const { log } = await call('status', `--file=${dir}/status.json`);
    expect(log.of('status')).toMatchObject([{ kernel: '6.12', devices: 3 }]);
  });

  it('prints the list that this boot would have needed, as modules.yaml takes it', async () => {
    const print = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const { code } = await call('status', `--file=${dir}/status.json`, '--minimal');
    const text = String(print.mock.calls[0]?.[0]);
    print.mockRestore();
    expect(code).toBe(0);
    expect(text).toContain('allow:\n  - nbd\n  - test_fs\n  - test_net\n');
    await writeFile(`${dir}/minimal.yaml`, text);
    const checked = await call('load', '--check', `--policy=${dir}/minimal.yaml`, 'test_net');
    expect(checked.code).toBe(0);
    const other = await call('load', '--check', `--policy=${dir}/minimal.yaml`, 'test_bad');
    expect(String(failure(other.log))).toContain('denied by allow');
  });
});

describe('why', () => {
  it('says what is known of a module', async () => {
    const { code, log } = await call('why', `--file=${dir}/status.json`, 'test_net', 'test_bad');
    expect(code).toBe(0);
    expect(log.of('why')).toMatchObject([
      { name: 'test_net', file: 'k/test_net.ko', by: 'alias', ms: 4 },
      { name: 'test_bad', devices: [], errno: 'ENOEXEC' },
    ]);
  });
});

describe('missing', () => {
  it('ends with the number of devices', async () => {
    const { code, log } = await call('missing');
    expect(code).toBe(0);
    expect(log.of('missing.done')).toEqual([
      { level: 'info', ev: 'missing.done', devices: log.of('missing').length },
    ]);
  });
});

it.each(PROGRAM.commands.map(({ command }) => command.split(' ')[0] ?? ''))(
  'the help of %s has an example',
  async (verb) => {
    const print = vi.spyOn(console, 'log').mockReturnValue();
    await runProgram(PROGRAM, [verb, '--help'], new Logbook());
    const text = print.mock.calls.flat().join('\n');
    print.mockRestore();
    expect(text).toContain(`Examples:\n  modloader ${verb} `);
  },
);
