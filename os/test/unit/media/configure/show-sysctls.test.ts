import { expect, it } from 'vitest';

import { SYSCTLS } from '../../../../src/media/configure/boot-folder.ts';
import { showMedium } from '../../../../src/media/configure/show.ts';
import { silent } from '../../../../src/workstation/progress.ts';

it.each([
  ['vm.nr_hugepages = 8\nvm.swappiness=1\n', 'settings of the kernel: vm.nr_hugepages, vm.swappiness'],
  ['# a\nkernel.modprobe = /x\n', 'BROKEN: line 2: kernel.modprobe belongs to the host: only the word sysctl.kernel.modprobe= of the kernel command line may change it'],
])('settings of the kernel on a medium: %j', async (text, says) => {
  const partition = { read: async () => Promise.resolve(Buffer.from(text)) };
  const shown = await showMedium(partition, [SYSCTLS], async () => Promise.resolve(undefined), silent);
  expect(shown).toEqual([{ name: SYSCTLS, bytes: text.length, says }]);
}); // prettier-ignore
