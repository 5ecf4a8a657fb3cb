import { expect, it } from 'vitest';

import { archiveIn } from '../../../../../src/build/sources/debian/mirror.ts';

const OWN = 'KEYRING=""\nDEF_MIRROR="http://archive.example/debian"\n';
const FOREIGN = 'KEYRING=""\nDEF_MIRROR="http://archive.example/ubuntu"\n';

it.each([
  ['the program of a Debian', 'mirror_style release\n', OWN, 'http://archive.example/debian'],
  [
    'the script of a derivative',
    'default_mirror http://other.example/debian/\n',
    FOREIGN,
    'http://other.example/debian/',
  ],
  ['neither, when only the derivative is named', 'mirror_style release\n', FOREIGN, undefined],
  ['neither, without debootstrap', '', '', undefined],
])('finds Debian’s address in %s', (_, script, program, address) => {
  expect(archiveIn(script, program)).toBe(address);
});
