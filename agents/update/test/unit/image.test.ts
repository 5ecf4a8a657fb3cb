import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseRecord } from '../../src/core/image/build-record.ts';
import { imageFault } from '../../src/core/image/pe.ts';
import { skewFault } from '../../src/core/image/skew.ts';
import { SECTIONS, smallEfi } from '../support/small-efi.ts';

const fault = (file: Uint8Array, length = file.length) => imageFault(file, length, 'amd64');

describe('an EFI file', () => {
  it('of this machine is taken, with and without signatures', () => {
    expect(fault(smallEfi())).toBeUndefined();
    expect(fault(smallEfi({ signed: 1552 }))).toBeUndefined();
    expect(imageFault(smallEfi({ machine: 0xaa64 }), smallEfi().length, 'arm64')).toBeUndefined();
  });

  it.each([
    ['an empty file', Buffer.alloc(0), /no EFI program/],
    ['text', Buffer.from('hello'.repeat(100)), /no EFI program/],
    ['its first 300 bytes', smallEfi().subarray(0, 300), /no EFI program/],
    ['one of another machine', smallEfi({ machine: 0xaa64 }), /another machine than amd64/],
    ['one without kernel', smallEfi({ sections: SECTIONS.slice(0, -1) }), /no section \.linux/],
    ['one whose memory is too small', smallEfi({ sizeOfImage: 0x1000 }), /outside of its image/],
    ['one with bytes behind it', Buffer.concat([smallEfi(), Buffer.alloc(1)]), /sections end at/],
    ['one cut short', smallEfi().subarray(0, -1), /sections end at/],
    ['one with cut signatures', smallEfi({ signed: 8 }).subarray(0, -1), /sections end at/],
  ])('%s is refused', (_, file, why) => expect(fault(file)).toMatch(why));

  it('is judged without an error, whatever its bytes are', () => {
    const bytes = fc.uint8Array({ maxLength: 600 });
    fc.assert(
      fc.property(bytes, fc.nat(2048), (noise, at) => {
        expect(fault(noise)).toMatch(/./);
        const file = smallEfi();
        file.set(noise.subarray(0, Math.max(0, file.length - at)), Math.min(at, file.length));
        fault(file);
      }),
    );
  });
});

describe('what a system image says of itself', () => {
  const record = {
    v: 1,
    version: '0.2.0',
    arch: 'amd64',
    kubernetes: 'v1.36.3',
    efi: { sha256: 'a'.repeat(64), bytes: 5 },
    commit: 'of no interest',
  };

  it('is read', () =>
    expect(parseRecord('f', JSON.stringify(record))).toMatchObject({ version: '0.2.0' }));

  it.each([
    ['torn', '{"v":1', /parse f/],
    ['of before updates', JSON.stringify({ ...record, efi: undefined }), /efi/],
    ['of another architecture', JSON.stringify({ ...record, arch: 'riscv64' }), /arch/],
  ])('is refused when it is %s', (_, text, why) => {
    expect(() => parseRecord('f', text)).toThrow(why);
    expect(() => parseRecord('f', text)).toThrow(
      expect.objectContaining({ code: 'KIOS_UPDATE_IMAGE' }),
    );
  });
});

it.each([
  ['v1.36.3', 'v1.36.0', /^$/],
  ['v1.33.0', 'v1.36.9-eks-1', /^$/],
  ['v1.36.0', 'v1.35.9', /newer than/],
  ['v1.32.9', 'v1.36.0', /more than 3 minor/],
  ['v2.0.0', 'v1.36.0', /nobody can compare/],
])('kubelet %s with the API server %s', (kubelet, server, why) => {
  expect(skewFault(kubelet, server) ?? '').toMatch(why);
});
