import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { goVersion } from '../../../../src/artefact/inspect/go-version.ts';

const string = (text: string): Buffer => {
  const bytes = Buffer.from(text);
  const length =
    bytes.length < 0x80
      ? [bytes.length]
      : [(bytes.length % 0x80) | 0x80, Math.floor(bytes.length / 0x80)];
  return Buffer.concat([Buffer.from(length), bytes]);
};

/** Information as Go's linker writes it: a header of 32 bytes, then version and modules. */
const information = (flags: number, about: string): Buffer => {
  const header = Buffer.alloc(32);
  header.write('\u00FF Go buildinf:', 'latin1');
  header[14] = 8;
  header[15] = flags;
  return Buffer.concat([header, string('go1.26.8'), string(about)]);
};

const ABOUT = `${'s'.repeat(16)}path\texample.com/a/cmd\nmod\texample.com/a\tv1.2.3\th1:x=\ndep\tb\tv9\n${'e'.repeat(16)}`;

it('finds module and version in a program, at a multiple of 16', () => {
  fc.assert(
    fc.property(fc.nat({ max: 50 }), (before) => {
      const program = Buffer.concat([Buffer.alloc(before * 16, 1), information(2, ABOUT)]);
      expect(goVersion(program)).toEqual({
        module: 'example.com/a',
        version: 'v1.2.3',
        go: 'go1.26.8',
      });
    }),
  );
});

it('passes over a text that only looks like it', () => {
  const elsewhere = Buffer.concat([
    Buffer.alloc(7),
    information(2, 'mod\tno\tno\t\n'),
    Buffer.alloc(16),
  ]);
  const rest = Buffer.alloc((16 - (elsewhere.length % 16)) % 16);
  expect(goVersion(Buffer.concat([elsewhere, rest, information(2, ABOUT)]))?.version).toBe(
    'v1.2.3',
  );
});

it.each([
  ['of another language', Buffer.from('a program')],
  ['with pointers in place of texts', information(0, ABOUT)],
  ['without modules', information(2, 'path\tcommand-line-arguments\n')],
  ['that ends in the header', information(2, ABOUT).subarray(0, 20)],
])('has no version for a program %s', (_, program) => {
  expect(goVersion(program)).toBeUndefined();
});
