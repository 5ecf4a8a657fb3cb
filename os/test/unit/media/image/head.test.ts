import { describe, expect, it } from 'vitest';

import { applyOverlays, fitImage, readHead } from '../../../../src/media/image/head.ts';
import { HEAD, MIB } from '../../../../src/media/units.ts';
import { noise, smallImage } from '../../../support/media/small-image.ts';

const image = smallImage(4, 3);
const head = image.bytes.subarray(0, HEAD);

const begin = (hex: string): Buffer => Buffer.concat([Buffer.from(hex, 'hex'), noise(HEAD)]);

it('tells the size of an image and its partitions', () => {
  const { bytes, needed, partitions } = readHead('kios.img', head);
  expect(bytes).toBe(image.bytes.length);
  expect(needed).toBe(image.bytes.length - MIB);
  expect(partitions.map(({ label }) => label)).toEqual(['kios-esp', 'kios-data']);
});

it('tells what partitions of the old kind need, and not the size', () => {
  const mbr = Buffer.alloc(HEAD);
  mbr[446 + 4] = 0x0c;
  mbr.writeUInt32LE(2048, 446 + 8);
  mbr.writeUInt32LE(8192, 446 + 12);
  mbr.writeUInt16LE(0xaa55, 510);
  expect(readHead('pi.img', mbr)).toEqual({
    bytes: undefined,
    needed: 10_240 * 512,
    partitions: [],
  });
  expect(fitImage(mbr, 64 * MIB)).toEqual({ overlays: [], head: mbr, backup: undefined });
});

describe('refuses what is no disk image, and says how to make one of it:', () => {
  const damaged = Buffer.from(head);
  damaged[600]! ^= 1;
  it.each([
    ['nothing', Buffer.alloc(0), 'it ends after 0 bytes', 'Download the image again'],
    ['a short file', Buffer.alloc(5000), 'it ends after 5000 bytes', 'Download the image again'],
    ['zeros', Buffer.alloc(HEAD), 'it has no partition table', 'Download the image again'],
    ['noise', noise(HEAD), 'it has no partition table', 'Download the image again'],
    ['a damaged table', damaged, 'its partition table is damaged', 'Download the image again'],
    ['an EFI program', begin('4d5a'), 'it is no disk image', 'flash kios.img, which holds it'],
    ['gzip', begin('1f8b'), 'it is no disk image', 'gunzip'],
    ['bzip2', begin('425a68'), 'it is no disk image', 'bunzip2'],
    ['a ZIP archive', begin('504b0304'), 'it is no disk image', 'unzip'],
    ['qcow2', begin('514649fb'), 'it is no disk image', 'qemu-img convert'],
  ])('%s', (_, bytes, fault, remedy) => {
    const refuse = (): unknown => readHead('x.img', bytes);
    expect(refuse).toThrow(`read the disk image x.img: ${fault}`);
    expect(refuse).toThrow(
      expect.objectContaining({
        code: 'KIOS_FLASH_IMAGE',
        remedy: expect.stringContaining(remedy) as unknown,
      }),
    );
  });
});

it('puts an overlay into the blocks that it touches, and into no other', () => {
  const overlay = { offset: 6, bytes: Buffer.from('abcd') };
  const cut = (at: number): string => {
    const block = Buffer.from('....');
    applyOverlays(block, at, [overlay]);
    return block.toString();
  };
  expect([0, 4, 8, 12].map(cut)).toEqual(['....', '..ab', 'cd..', '....']);
  expect(cut(6)).toBe('abcd');
});
