import { expect, it } from 'vitest';

import { hashedOf } from '../../../../src/bench/secure-boot/hashed.ts';

const whole = { efiBytes: 146, initrdBytes: 136, besideBytes: 0 };
const small = { efiBytes: 14, initrdBytes: 4, besideBytes: 132 };

it.each([
  ['nothing looks at an unsigned system', whole, false, false, 0, 0],
  ['firmware checks all of a signed one', whole, true, false, 146, 0],
  ['a TPM gets it three times', whole, false, true, 146 + 146 + 136, 0],
  ['with both it is hashed four times', whole, true, true, 146 + 146 + 146 + 136, 0],
  ['of a small one firmware checks little, and init the rest', small, true, false, 14, 132],
  ['a TPM gets the root twice', small, true, true, 14 * 3 + 132 + (4 + 132), 132],
])('%s', (_, system, secureBoot, tpm, firmware, init) => {
  expect(hashedOf({ ...system, secureBoot, tpm })).toEqual({ firmware, init });
});
