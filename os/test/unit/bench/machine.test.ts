import { expect, it } from 'vitest';

import { benchArguments } from '../../../src/bench/machine.ts';

const guest = { boot: ['-kernel', 'kios.efi'], memoryMiB: 512 };
const flag = (args: readonly string[], name: string): string[] =>
  args.flatMap((arg, index) => (arg === name ? [args[index + 1] ?? ''] : []));

it('boots what it is given on a processor of exactly 1 GIPS', () => {
  const args = benchArguments(guest, 'code.fd');
  expect(flag(args, '-icount')).toEqual(['shift=0,sleep=off']);
  expect(flag(args, '-kernel')).toEqual(['kios.efi']);
  expect(flag(args, '-drive')[0]).toContain('readonly=on,file=code.fd');
  expect(args.join(' ')).not.toContain('smm');
});

it('protects the variables of firmware with Secure Boot', () => {
  const args = benchArguments({ ...guest, secureBoot: true }, 'secure.fd');
  expect(flag(args, '-machine')).toContain('smm=on');
  expect(flag(args, '-global')).toEqual(['driver=cfi.pflash01,property=secure,value=on']);
});

it('has another processor where that is asked for', () => {
  expect(flag(benchArguments({ ...guest, processor: 'max,sha-ni=off' }, ''), '-cpu')).toEqual([
    'max,sha-ni=off',
  ]);
});
