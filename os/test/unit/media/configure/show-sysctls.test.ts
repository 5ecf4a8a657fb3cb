import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { SYSCTLS } from '../../../../src/media/configure/boot-folder.ts';
import { showMedium } from '../../../../src/media/configure/show.ts';
import { silent } from '../../../../src/workstation/progress.ts';

const MEDIUM = {
  arch: 'amd64',
  ownModules: async () => Promise.resolve({ why: 'nobody asked' }),
  scratch: '',
} as const;

it.each([
  ['vm.nr_hugepages = 8\nvm.swappiness=1\n', 'settings of the kernel: vm.nr_hugepages, vm.swappiness'],
  ['# a\nkernel.modprobe = /x\n', 'BROKEN: line 2: kernel.modprobe belongs to the host: only the word sysctl.kernel.modprobe= of the kernel command line may change it'],
])('settings of the kernel on a medium: %j', async (text, says) => {
  const file = path.join(await mkdtemp(path.join(tmpdir(), 'kios-show-')), 'file');
  onTestFinished(() => rm(path.dirname(file), { recursive: true }));
  await writeFile(file, text);
  const partition = { copy: async () => Promise.resolve(file) };
  const shown = await showMedium(partition, [SYSCTLS], MEDIUM, silent);
  expect(shown).toEqual([{ name: SYSCTLS, bytes: text.length, says }]);
}); // prettier-ignore
