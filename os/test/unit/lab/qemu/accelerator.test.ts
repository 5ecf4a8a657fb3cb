import { expect, it } from 'vitest';

import { chooseAccelerator } from '../../../../src/lab/qemu/accelerator.ts';

it('takes the accelerator from KIOS_ACCEL and refuses an unknown one', async () => {
  expect(await chooseAccelerator('tcg')).toBe('tcg');
  await expect(chooseAccelerator('hvf')).rejects.toMatchObject({ code: 'KIOS_CLI_USAGE' });
});
