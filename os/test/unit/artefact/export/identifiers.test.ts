import { describe, expect, it } from 'vitest';

import { imageGuid } from '../../../../src/artefact/export/guid.ts';
import { vhdChecksum } from '../../../../src/artefact/export/vhd.ts';
import { crc32c } from '../../../../src/artefact/export/vhdx.ts';
import { withContentId } from '../../../../src/artefact/export/vmdk.ts';

it.each([
  // RFC 3720, appendix B.4.
  [Buffer.alloc(32), 0x8a91_36aa],
  [Buffer.alloc(32, 0xff), 0x62a8_ab43],
  [Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd_794e],
  [Buffer.from('123456789'), 0xe306_9283],
  [Buffer.alloc(0), 0],
])('a VHDX’s checksum of %o', (bytes, sum) => expect(crc32c(bytes)).toBe(sum));

it('a VHD’s checksum leaves itself out', () => {
  const footer = Buffer.alloc(512, 1);
  const sum = vhdChecksum(footer);
  expect(sum).toBe(0xffff_ffff - 508);
  footer.writeUInt32BE(sum, 64);
  expect(vhdChecksum(footer)).toBe(sum);
});

it('identifiers differ by use and by image, and are the same again', () => {
  const [a, b] = ['a'.repeat(64), 'b'.repeat(64)];
  expect(imageGuid('vhd', a)).toEqual(imageGuid('vhd', a));
  const texts = [imageGuid('vhd', a), imageGuid('vhd', b), imageGuid('iso', a)].map(
    ({ text }) => text,
  );
  expect(new Set(texts).size).toBe(3);
  for (const text of texts) expect(text).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
});

const text = (cid: string): string => `version=1\nCID=${cid}\nparentCID=ffffffff\n`;
const descriptor = (cid: string): Buffer => Buffer.from(text(cid).padEnd(64, '\0'));

describe('a VMDK’s descriptor', () => {
  it.each(['f', '10', 'abc', '1a2b3c4', '12345678'])('gets another identifier than %s', (cid) =>
    expect(withContentId(descriptor(cid), '0a0b0c0d')).toEqual(descriptor('0a0b0c0d')),
  );

  it('without an identifier is an error', () =>
    expect(() => withContentId(Buffer.from('parentCID=ffffffff\n'), '0a0b0c0d')).toThrow(
      /no content identifier/,
    ));

  it('without room for the digits is an error', () =>
    expect(() => withContentId(Buffer.from(text('f')), '0a0b0c0d')).toThrow(/no room/));
});
