import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { addModprobeFile, emptyConfig } from '../../src/core/index/modprobe-config.ts';
import { ModuleIndex } from '../../src/core/index/module-index.ts';
import { denial, paramsOf } from '../../src/core/policy/policy.ts';
import { readIndexFile } from '../../src/edge/loading/module-files.ts';
import { moduleFile, type ModuleSource } from '../support/elf.ts';
import { policy } from '../support/policy.ts';

const VERSION = '6.12.0-test';
const hasKmod = spawnSync('depmod', ['--version']).status === 0;
const isRequired = process.env['KIOS_REQUIRE_ROOT'] === '1';

const CONF = `alias eth-any virtio_net
alias net-pf-10 off
options virtio-net napi_tx=1 csum=0
options eth-any queue_pairs=2
options virtio_net gso=1
softdep nvme pre: crc-test
blacklist e1000e
alias mixed:* virtio-ring
alias *:b virtio
alias mixed:b failover
alias mixed[:]?  net-failover
alias mix* odd
alias wild* loop-a
options loop-a one="two   words"\tthree=4   five=6
options mixed:* seven=8
options mixed:b nine=10
options wild* eleven=12
options odd a=1\\
b=2 quoted=\\"c d\\" back=e\\\\f
options crc_test \\
x=1 # no comment
# a comment \\
options crc_test y=1
  # neither
softdep failo* pre: odd
softdep failover pre: crc_test
softdep e1000e
softdep also_e1000 crc_test
`;

const MODULES: Readonly<Record<string, ModuleSource>> = {
  'drivers/virtio/virtio.ko': { exports: ['register_virtio_driver'] },
  'drivers/virtio/virtio_ring.ko': { exports: ['vring_new'], needs: ['register_virtio_driver'] },
  'drivers/virtio/virtio_pci.ko': {
    needs: ['vring_new', 'register_virtio_driver'],
    modinfo: ['alias=pci:v00001AF4d*sv*sd*bc*sc*i*'],
  },
  'net/core/failover.ko': { exports: ['failover_register'] },
  'drivers/net/net_failover.ko': { exports: ['net_failover_create'], needs: ['failover_register'] },
  'drivers/net/virtio_net.ko': {
    needs: ['net_failover_create', 'vring_new', 'register_virtio_driver'],
    modinfo: ['alias=virtio:d00000001v*'],
  },
  'drivers/net/e1000e.ko': { modinfo: ['alias=pci:v00008086d000010D3sv*sd*bc*sc*i*'] },
  'drivers/net/also-e1000.ko': { modinfo: ['alias=pci:v00008086d0000[0-9A-F]*D3sv*sd*bc*sc*i*'] },
  'crypto/crc_test.ko': { modinfo: ['alias=crc-test', 'alias=crypto-crc-test'] },
  'crypto/crc_test_fast.ko': {
    modinfo: ['alias=crypto-crc-test'],
    needs: ['register_virtio_driver'],
  },
  'drivers/nvme/nvme.ko': {
    modinfo: ['softdep=post: after_nvme', 'alias=pci:v*d*sv*sd*bc01sc08i02*'],
  },
  'drivers/nvme/after-nvme.ko': { modinfo: ['softdep=pre: crypto-crc-test'] },
  'fs/loop_a.ko': { modinfo: ['softdep=pre: loop_b'] },
  'fs/loop_b.ko': { modinfo: ['softdep=pre: loop_a post: nvme missing_one'] },
  'fs/odd.ko': {
    modinfo: ['softdep=gcm', 'alias=fs-odd', 'alias=xen-backend:vif', 'alias=odd:[!a]x?'],
  },
};

const BUILTIN_MODINFO = 'rtc_cmos.alias=acpi:PNP0B00:\0rtc_cmos.license=GPL\0ext4.alias=fs-ext4\0';

// Compares with kmod. In CI a missing kmod is a failure, because the tests would compare nothing.
describe.skipIf(!hasKmod && !isRequired)('the index, against kmod', () => {
  let root: string;
  let index: ModuleIndex;
  const config = emptyConfig();
  const modprobe = (...args: string[]): string[] => {
    const conf = ['-C', path.join(root, 'modprobe.d')];
    const { stdout } = spawnSync('modprobe', [...conf, '-d', root, '-S', VERSION, ...args], {
      encoding: 'utf8',
    });
    return [...new Set(stdout.split('\n').filter((line) => line !== ''))];
  };

  beforeAll(() => {
    root = mkdtempSync(path.join(tmpdir(), 'kios-modules-'));
    const dir = path.join(root, 'lib/modules', VERSION);
    for (const [file, source] of Object.entries(MODULES)) {
      mkdirSync(path.dirname(path.join(dir, 'kernel', file)), { recursive: true });
      writeFileSync(path.join(dir, 'kernel', file), moduleFile(source));
    }
    writeFileSync(path.join(dir, 'modules.order'), '');
    writeFileSync(
      path.join(dir, 'modules.builtin'),
      'kernel/fs/ext4/ext4.ko\nkernel/drivers/rtc/rtc-cmos.ko\n',
    );
    writeFileSync(path.join(dir, 'modules.builtin.modinfo'), BUILTIN_MODINFO);
    execFileSync('depmod', ['-b', root, VERSION]);
    mkdirSync(path.join(root, 'modprobe.d'));
    // `a.conf`, because kmod sorts `modules.softdep` among the operator's files by name; here the operator comes first.
    writeFileSync(path.join(root, 'modprobe.d/a.conf'), CONF);
    addModprobeFile(config, CONF);
    index = new ModuleIndex((file) => readIndexFile(dir, file), config);
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('knows every module', () => {
    expect(index.names).toHaveLength(Object.keys(MODULES).length);
  });

  it('lists dependencies, softdeps and parameters of every module in the same order', () => {
    const dir = path.join(root, 'lib/modules', VERSION);
    for (const name of index.names) {
      const want = modprobe('--show-depends', name)
        .filter((line) => line.startsWith('insmod '))
        .map((line) => line.slice(`insmod ${dir}/`.length).trim());
      const ours = index
        .probeList(name)
        .map(({ name: module, file }) => `${file} ${paramsOf(policy(), config, module)}`.trim());
      expect({ name, files: ours }).toEqual({ name, files: want });
    }
  });

  it.each([
    'virtio:d00000001v00001AF4',
    'pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00',
    'pci:v00008086d000010D3sv00008086sd00000000bc02sc00i00',
    'pci:v00008086d00000AD3sv00008086sd00000000bc02sc00i00',
    'pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02',
    'crypto-crc-test',
    'crypto_crc_test',
    'crc-test',
    'eth-any',
    'virtio-net',
    'odd:bxy',
    'odd:axy',
    'odd:bx',
    'fs-odd',
    'xen-backend:vif',
    'mixed:b',
    'mixed:c',
    'other:b',
    'mixed',
    'wildcard',
    'no-such-thing',
    'virtio:',
    '',
  ])('resolves %j as kmod does', (alias) => {
    const want = alias === '' ? [] : modprobe('-R', alias);
    expect(index.lookup(alias)?.names ?? []).toEqual(want);
  });

  it.each(['eth-any', 'mixed:b', 'mixed:c', 'crypto-crc-test'])(
    'adds the parameters of the alias %j that a module is loaded by, in the order of the lines',
    (alias) => {
      const files = path.join(root, 'lib/modules', VERSION);
      const lookup = index.lookup(alias);
      const allowed = (lookup?.names ?? []).filter(
        (name) => denial(policy(), config, name, lookup?.by ?? 'name') === undefined,
      );
      const ours = allowed.flatMap((name) =>
        index.probeList(name).map((module) => {
          const by = module.name === name ? alias : module.name;
          return `insmod ${files}/${module.file} ${paramsOf(policy(), config, module.name, by)}`;
        }),
      );
      const want = modprobe('--show-depends', alias);
      expect([...new Set(ours)].map((line) => line.trim())).toEqual(
        want.map((line) => line.trim()),
      );
    },
  );

  it('knows built-in modules by name and by alias', () => {
    expect(index.lookup('ext4')).toEqual({ names: ['ext4'], by: 'name' });
    expect(index.lookup('fs-ext4')?.names).toEqual(['ext4']);
    expect(index.lookup('acpi:PNP0B00:')?.names).toEqual(['rtc_cmos']);
    expect(modprobe('--show-depends', 'ext4')).toEqual(['builtin ext4']);
  });

  it('survives an index of random bytes', () => {
    const noise = readFileSync(process.execPath).toString('latin1', 0, 200_000);
    const bad = new ModuleIndex(() => noise, emptyConfig());
    expect(bad.lookup('pci:v1')).toBeUndefined();
    for (const name of bad.names) bad.probeList(name);
  });
});
