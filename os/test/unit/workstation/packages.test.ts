import { expect, it } from 'vitest';

import { packagesFor } from '../../../src/workstation/packages.ts';

const DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\n';
const UBUNTU = 'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nID=ubuntu\nID_LIKE=debian\n';
const namesFor = (...[needs, os]: Parameters<typeof packagesFor>): string[] =>
  packagesFor(needs, os).map(({ name }) => name);

it('debootstrap, which has Debian’s address, is needed only outside Debian', () => {
  expect(namesFor(['build'], UBUNTU)).toContain('debootstrap');
  expect(namesFor(['build'], '')).toContain('debootstrap');
  expect(namesFor(['build'], DEBIAN)).not.toContain('debootstrap');
});

it('a build needs no namespaces, and a package for two needs is named once', () => {
  expect(namesFor(['build'], DEBIAN)).not.toContain('iproute2');
  const names = namesFor(['machine', 'unit'], DEBIAN);
  expect(names.filter((name) => name === 'openssl')).toHaveLength(1);
});
