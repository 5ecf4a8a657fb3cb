import { expect, it } from 'vitest';

import { parseUri } from '../../../../../src/build/sources/debian/archive.ts';

const SHA = '0123456789abcdef'.repeat(4);

it('parses a line of apt', () => {
  const line = `'http://mirror.example/debian/pool/main/e/erofs-utils/erofs-utils_1.8.6-1_amd64.deb' erofs-utils_1.8.6-1_amd64.deb 201234 SHA256:${SHA}`;
  expect(parseUri(line)).toEqual({
    name: 'erofs-utils',
    version: '1.8.6-1',
    arch: 'amd64',
    sha256: SHA,
    uriName: 'erofs-utils_1.8.6-1_amd64.deb',
  });
});

it('decodes the epoch, plus and tilde that apt escapes in a version', () => {
  const line = `'http://mirror.example/x.deb' libc6_1%3a2.41-12%2bdeb13u2%7ebpo1_arm64.deb 12 SHA256:${SHA}`;
  expect(parseUri(line)).toMatchObject({
    name: 'libc6',
    version: '1:2.41-12+deb13u2~bpo1',
    arch: 'arm64',
  });
});

it.each([
  ['nothing', ''],
  ['a warning', 'W: Download is performed unsandboxed as root'],
  ['a weaker digest', `'http://mirror.example/x.deb' x_1_amd64.deb 12 MD5Sum:${'0'.repeat(32)}`],
  ['a digest too short', `'http://mirror.example/x.deb' x_1_amd64.deb 12 SHA256:${SHA.slice(1)}`],
  ['a name without a version', `'http://mirror.example/x.deb' x.deb 12 SHA256:${SHA}`],
])('finds no package in %s', (_, line) => {
  expect(parseUri(line)).toBeUndefined();
});
