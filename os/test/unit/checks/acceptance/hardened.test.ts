import { expect, it } from 'vitest';

import { missingFlags, parseMounts } from '../../../../src/checks/acceptance/hardened.ts';

const LINES = [
  '22 1 0:20 / /run rw,nosuid,nodev,noexec,relatime shared:1 - tmpfs tmpfs rw',
  '23 1 8:1 /x /var/lib/kubelet rw,nosuid,nodev shared:2 - ext4 /dev/vda2 rw',
  '24 1 0:20 / /run rw,nosuid shared:1 - tmpfs tmpfs rw',
].join('\n');

it('reads the mount that covers another, not the one below', () => {
  const mounts = parseMounts(LINES);
  expect(mounts.map(({ target }) => target)).toEqual(['/run', '/var/lib/kubelet']);
  expect(mounts.map(missingFlags)).toEqual([['noexec', 'nodev'], []]);
});

it('allows programs on four mounts and devices on two', () => {
  expect(missingFlags({ target: '/bin', options: ['nosuid', 'nodev'] })).toEqual([]);
  expect(missingFlags({ target: '/dev', options: ['nosuid', 'noexec'] })).toEqual([]);
  expect(missingFlags({ target: '/etc', options: [] })).toEqual(['nosuid', 'noexec', 'nodev']);
});
