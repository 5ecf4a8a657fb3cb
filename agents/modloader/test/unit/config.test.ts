import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import { modaliases } from '../../src/core/devices/device.ts';
import {
  addCmdline,
  addModprobeFile,
  emptyConfig,
  ignoreInstall,
} from '../../src/core/index/modprobe-config.ts';
import { checkName, normalise } from '../../src/core/index/module-name.ts';
import { explain } from '../../src/core/loading/failure.ts';
import { byUrgency, isLate, isUrgent } from '../../src/core/loading/rank.ts';
import { denial, paramsOf, profile, serves, type Wanted } from '../../src/core/policy/policy.ts';
import { policy } from '../support/policy.ts';

describe('modprobe.d files', () => {
  it('join continued lines, and skip comments and unknown lines', () => {
    const config = emptyConfig();
    addModprobeFile(
      config,
      '# blacklist a\noptions loop \\\n max_loop=8\nzork b\nconstructor c\nblacklist snd-hda\n',
    );
    expect(config.options).toEqual([{ name: 'loop', parameters: 'max_loop=8' }]);
    expect([...config.blacklist]).toEqual(['snd_hda']);
  });

  it('never run a command: an install line denies the module', () => {
    const config = emptyConfig();
    addModprobeFile(
      config,
      'install dccp /bin/false\ninstall usb-storage /sbin/do-things; rm -rf /\n',
    );
    expect(denial(policy(), config, 'dccp', 'name')).toBe('install');
    expect(denial(policy(), config, 'usb_storage', 'dep')).toBe('install');
  });
});

/** Reads one file of modprobe.d. */
function read(text: string) {
  const config = emptyConfig();
  addModprobeFile(config, text);
  return config;
}

describe('a line of modprobe.d', () => {
  it('without what its keyword needs does not count', () => {
    const config = read('install a\nremove b\noptions c\nsoftdep d\nalias e\nblacklist\n');
    expect(config).toEqual({ ...emptyConfig(), aliases: config.aliases });
    expect(config.aliases.lookup('e')).toEqual([]);
  });

  it('may deny by a pattern', () => {
    const config = read('install usb-* /bin/false\n');
    expect(denial(policy(), config, 'usb_storage', 'alias')).toBe('install');
    expect(denial(policy(), config, 'usbcore', 'dep')).toBeUndefined();
  });

  it('blacklists a name, not a pattern', () => {
    expect(denial(policy(), read('blacklist usb_*\n'), 'usb_storage', 'alias')).toBeUndefined();
  });

  it('may end as files of Windows do, and go on in the next one', () => {
    const config = read('options a x=1 \\\r\n  y=2\r\noptions b z=3\r\n');
    expect(paramsOf(policy(), config, 'a')).toBe('x=1   y=2');
    expect(paramsOf(policy(), config, 'b')).toBe('z=3');
  });
});

describe('install lines that are ignored', () => {
  it('deny nothing, and still define a name', () => {
    const config = emptyConfig();
    addModprobeFile(config, 'install dccp /bin/false\nremove sctp rmmod sctp\n');
    ignoreInstall(config);
    expect(denial(policy(), config, 'dccp', 'name')).toBeUndefined();
    expect([...config.commands]).toEqual(['dccp', 'sctp']);
  });
});

describe('the kernel command line', () => {
  it('sets parameters and blacklists; quoted blanks are kept', () => {
    const config = emptyConfig();
    addCmdline(
      config,
      'quiet root=/dev/a modprobe.blacklist=e1000e,nouveau nvme-core.x=1 foo.msg="a b" usbcore.nousb "foo.all=c d" "foo.flag"\n',
    );
    expect([...config.blacklist]).toEqual(['e1000e', 'nouveau']);
    expect(config.options).toEqual([
      { name: 'nvme_core', parameters: 'x=1' },
      { name: 'foo', parameters: 'msg="a b"' },
      { name: 'usbcore', parameters: 'nousb' },
      { name: 'foo', parameters: 'all="c d"' },
      { name: 'foo', parameters: 'flag' },
    ]);
  });
});

describe('module_blacklist of the kernel command line', () => {
  const config = emptyConfig();
  addCmdline(config, 'module_blacklist=nouveau,snd-hda module-blacklist=kvm');

  it.each<readonly [string, Wanted, string | undefined]>([
    ['nouveau', 'alias', 'module_blacklist'],
    ['nouveau', 'name', 'module_blacklist'],
    ['snd_hda', 'dep', 'module_blacklist'],
    ['kvm', 'name', 'module_blacklist'],
    ['', 'name', undefined],
  ])('%j wanted by %s is denied by %s, as the kernel would', (name, wanted, rule) => {
    expect(denial(policy(), config, name, wanted)).toBe(rule);
  });
});

it.each(['a.b.c=1', 'root=UUID=a.b', 'foo=a.b', '.b=1', 'a.=1', 'a]b.c=1', 'a.', 'quiet'])(
  'the word %j of the kernel command line gives no loaded module a parameter',
  (word) => {
    const config = emptyConfig();
    addCmdline(config, word);
    expect(config).toEqual({ ...emptyConfig(), aliases: config.aliases });
  },
);

describe('the policy', () => {
  const config = emptyConfig();
  config.blacklist.add('e1000e');
  addModprobeFile(config, 'options loop a=1\n');

  it.each([
    [{ deny: ['usb*'], allow: ['usb*'] }, 'usb_storage', 'name', 'deny: usb*'],
    [{ deny: ['nvme-core'] }, 'nvme_core', 'dep', 'deny: nvme-core'],
    [{ deny: ['snd-[a-m]*'] }, 'snd_hda_intel', 'alias', 'deny: snd-[a-m]*'],
    [{ deny: ['snd-[!a-m]*'] }, 'snd_hda_intel', 'alias', undefined],
    [{ allow: ['virtio_*'] }, 'nvme', 'alias', 'allow'],
    [{ allow: ['virtio_*'] }, 'failover', 'dep', undefined],
    [{ allow: ['virtio-*'] }, 'virtio_net', 'alias', undefined],
    [{}, 'e1000e', 'alias', 'blacklist'],
    [{}, 'e1000e', 'name', undefined],
    [{}, 'e1000e', 'dep', undefined],
  ] satisfies [Parameters<typeof policy>[0], string, Wanted, string | undefined][])(
    '%j: %s wanted by %s is denied by %s',
    (input, name, wanted, rule) => {
      expect(denial(policy(input), config, name, wanted)).toBe(rule);
    },
  );

  it('joins parameters of modprobe.d, of params and of the load list', () => {
    const set = policy({ params: { loop: 'b=2' }, load: [{ name: 'loop', params: 'c=3' }] });
    expect(paramsOf(set, config, 'loop')).toBe('a=1 b=2 c=3');
    expect(paramsOf(set, config, 'other')).toBe('');
  });

  it('serves only the listed buses, and no skipped alias', () => {
    const set = policy({ coldplug: { buses: ['pci', 'cpu'], skip: ['cpu:*'] } });
    expect(serves(set, 'pci:v1')).toBe(true);
    expect(serves(set, 'usb:v1')).toBe(false);
    expect(serves(set, 'cpu:type:x86')).toBe(false);
  });

  it("replaces a built-in profile by the file's", () => {
    expect(profile(policy(), 'kubernetes')).toContain('br_netfilter');
    expect(profile(policy({ profiles: { kubernetes: ['veth'] } }), 'kubernetes')).toEqual(['veth']);
    expect(profile(policy(), 'zork')).toBeUndefined();
  });

  it.each([{ params: { a: 'x="1' } }, { params: { a: 'x\ny' } }, { load: [{ name: '' }] }])(
    'rejects %j',
    (input) => expect(() => policy(input)).toThrow(v.ValiError),
  );
});

describe('names', () => {
  it.each([
    ['snd-hda[a-z]-x', 'snd_hda[a-z]_x'],
    ['a]', undefined],
    ['[a', undefined],
    ['plain', 'plain'],
  ])('%j is normalised to %j', (alias, normal) => expect(normalise(alias)).toBe(normal));

  it.each(['', 'a/b', '..', 'a b', 'a\0', 'ü', 'x'.repeat(56), '[a'])('%j is rejected', (name) => {
    expect(() => checkName(name)).toThrow(expect.objectContaining({ code: 'KIOS_MODULE_NAME' }));
  });

  it("may be a device's alias, which is longer than a name", () => {
    const alias = 'pci:v00001AF4d00001041sv00001AF4sd00001041bc02sc00i00';
    expect(() => checkName(`${alias}${alias}`)).not.toThrow();
    expect(() => checkName(`pci:${'v'.repeat(4096)}`)).toThrow(/1 to 4096 characters/);
  });
});

it('reads both aliases of an ACPI device', () => {
  expect(modaliases('DRIVER=x\nMODALIAS=acpi:A:\nMODALIAS=of:NzT\n')).toEqual([
    'acpi:A:',
    'of:NzT',
  ]);
});

it('sorts network devices first and processor features last', () => {
  const nic = 'virtio:d00000001v00001AF4';
  const card = 'pci:v00008086d000010D3sv00008086sd00000000bc02sc00i00';
  const disk = 'virtio:d00000002v00001AF4';
  expect(byUrgency(['cpu:type:x86', disk, card, nic])).toEqual([nic, card, disk, 'cpu:type:x86']);
  expect([nic, card, disk, 'cpu:type:x86'].filter(isUrgent)).toEqual([nic, card]);
  expect(['cpu:type:x86', disk, card, nic, 'acpi:PNP0501:'].filter(isLate)).toEqual([
    'cpu:type:x86',
  ]);
});

describe('a rejected load', () => {
  const facts = { hasCapability: true, modulesDisabled: false, lockdown: 'none' };
  it.each([
    [{ ...facts, hasCapability: false }, /CAP_SYS_MODULE/],
    [{ ...facts, modulesDisabled: true, hasCapability: false }, /switched off/],
    [{ ...facts, lockdown: 'integrity' }, /lockdown/],
    [facts, /seccomp/],
  ])('by %j is explained', (each, why) => expect(explain('EPERM', each).why).toMatch(why));

  it('for an unknown reason is explained by its errno', () => {
    expect(explain('EXDEV', facts)).toEqual({ why: 'EXDEV' });
  });
});
