import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, it } from 'vitest';

import { growCard, piArguments } from '../../../../src/lab/qemu/raspberry-pi.ts';

const boot = { kernel: 'k', initramfs: 'i', tree: 't.dtb', commandLine: 'console=ttyS1 quiet' };
const spec = { accelerator: 'tcg', commandLine: ['kios.console=all'], kubeletPort: 34567 } as const;

const valueOf = (args: readonly string[], flag: string): string[] =>
  args.filter((_, index) => args[index - 1] === flag);

it('passes the board’s command line whole, and the emulator’s words after it', () => {
  const args = piArguments(boot, spec);
  const [line = ''] = valueOf(args, '-append');
  expect(line.startsWith('console=ttyS1 quiet clk_ignore_unused ')).toBe(true);
  expect(line.endsWith(' console=ttyAMA0,115200 kios.watchdog=off kios.console=all')).toBe(true);
  expect(valueOf(args, '-drive')).toEqual(['if=sd,format=raw,file=disk.img,cache=unsafe']);
});

it('forwards only a loopback port to the guest’s kubelet', () => {
  expect(valueOf(piArguments(boot, spec), '-netdev')).toEqual([
    'user,id=net0,hostfwd=tcp:127.0.0.1:34567-:10250',
  ]);
});

it.each([
  [3_000_000, 4_194_304],
  [4_194_304, 4_194_304],
])('makes a card of %d bytes one of %d', async (before, after) => {
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-card-'));
  const file = path.join(dir, 'card');
  await writeFile(file, Buffer.alloc(before));
  await growCard(file);
  expect((await stat(file)).size).toBe(after);
  await rm(dir, { recursive: true });
});
