import { readFileSync } from 'node:fs';
import path from 'node:path';

import { KiosError } from '@kios/errors';
import * as fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import { certificatesIn, listsIn } from '../../../../src/build/formats/signature-lists.ts';
import { sha256 } from '../../../../src/workstation/digest.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const List = v.strictObject({ name: v.string(), lists: v.string() });
const { valid, invalid } = v.parse(
  v.strictObject({
    valid: v.array(v.strictObject({ ...List.entries, certificates: v.array(v.string()) })),
    invalid: v.array(List),
  }),
  JSON.parse(
    readFileSync(path.join(repository, 'packages/host-api/vectors/signature-lists.json'), 'utf8'),
  ),
);

const fault = expect.objectContaining({ code: 'KIOS_KEYS_FILE' }) as unknown;

const signed = (length: number): Buffer => {
  const file = Buffer.alloc(16 + 24 + 8, 0x5a);
  file.writeUInt32LE(length, 16);
  return Buffer.concat([file, Buffer.from('lists')]);
};

/** Returns the code of what is thrown, if anything is. */
function codeOf(read: () => unknown): string {
  try {
    read();
    return 'none';
  } catch (error) {
    return error instanceof KiosError ? error.code : String(error);
  }
}

describe('lists of keys', () => {
  it.each(valid)('have certificates: $name', ({ lists, certificates }) => {
    const found = certificatesIn(Buffer.from(lists, 'hex')).map((one) => sha256(one));
    expect(found).toEqual(certificates);
  });

  it.each(invalid)('are refused: $name', ({ lists }) =>
    expect(() => certificatesIn(Buffer.from(lists, 'hex'))).toThrow(fault),
  );

  it('are read or refused, whatever their bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const read = (): readonly Buffer[] => certificatesIn(listsIn(Buffer.from(bytes)));
        expect(codeOf(read)).toMatch(/^(?:none|KIOS_KEYS_FILE)$/);
      }),
    );
  });
});

describe('a signed write of lists', () => {
  it('has them behind its signature', () => expect(listsIn(signed(32)).toString()).toBe('lists'));

  it.each([
    ['without a signature', Buffer.alloc(20)],
    ['cut short', signed(100)],
    ['with a signature of no length', signed(0)],
  ])('%s is refused', (_, file) => expect(() => listsIn(file)).toThrow(fault));
});
