import { UEVENT_BUFFER_BYTES } from '@kios/netlink';
import { expect, it } from 'vitest';

import {
  formatSettings,
  parseSettings,
  readSettings,
} from '../../../../src/checks/hardening/settings.ts';

it('reads names, values and empty values, and skips comments', () => {
  const text =
    '# a.b = 0\n\nkernel.modprobe =\n  vm.x=1 \nkernel.core_pattern = core #1\nfs.file-max = 3\n';
  expect(parseSettings(text)).toEqual([
    { name: 'kernel/modprobe', value: '' },
    { name: 'vm/x', value: '1' },
    { name: 'kernel/core_pattern', value: 'core #1' },
    { name: 'fs/file-max', value: '3' },
  ]);
});

it.each([
  'kernel.panic',
  '-kernel.panic = 1',
  'vm.-x = 1',
  'net/ipv4/ip_forward = 1',
  'net.*.x = 1',
  ' = 1',
])('rejects the row %j', (row) => {
  expect(() => parseSettings(row)).toThrow('it is not "name = value"');
});

it('formats settings as sysctl prints them', () => {
  const settings = [{ name: 'kernel/modprobe', value: '' }, { name: 'vm/x', value: '1' }]; // prettier-ignore
  expect(formatSettings(settings)).toBe('kernel.modprobe = \nvm.x = 1');
});

it('finds the settings of init, those of the end of the start phase included', async () => {
  const names = (await readSettings()).map(({ name }) => name);
  expect(names).toContain('kernel/kptr_restrict');
  expect(names).toContain('net/core/bpf_jit_harden');
});

it('lets the module loader have the whole buffer that it asks for', async () => {
  const limit = (await readSettings()).find(({ name }) => name === 'net/core/rmem_max');
  expect(Number(limit?.value)).toBe(UEVENT_BUFFER_BYTES);
});
