import { expect, it } from 'vitest';

import { parseFont, screenText } from '../../support/screen-text.ts';

const bits = (byte: number): string => byte.toString(2).padStart(8, '0');
const glyph = (code: number): number[] => Array.from({ length: 16 }, (_, y) => (code === 0x20 ? 0 : (code * 37 + y * 11) & 0x7f)); // prettier-ignore

/** A font in the form of the kernel's. */
const SOURCE = Array.from(
  { length: 256 },
  (_, code) =>
  [`\t/* ${code} */`, ...glyph(code).map((byte) => `\t0x${byte.toString(16).padStart(2, '0')}, /* ${bits(byte)} */`)].join('\n'), // prettier-ignore
).join('\n\n');

/** Draws rows of text, grey on black, or black on grey where `inverse` says so. */
function draw(rows: readonly string[], inverse: (row: number) => boolean = () => false): Buffer {
  const width = rows[0]!.length * 8;
  const lines = rows.flatMap((text, row) =>
    Array.from({ length: 16 }, (_, y) =>
      [...text].flatMap((character) =>
        [...bits(glyph(character.codePointAt(0)!)[y]!)].flatMap((bit) => {
          const lit = (bit === '1') !== inverse(row);
          return Array<number>(3).fill(lit ? 0xaa : 0);
        }),
      ),
    ),
  );
  const head = Buffer.from(`P6\n${width} ${rows.length * 16}\n255\n`);
  return Buffer.concat([head, ...lines.map((line) => Buffer.from(line))]);
}

const font = parseFont(SOURCE);

it('reads what is on the screen, also black on grey', () => {
  const rows = [' kiOS 1.0  node ', '{"ev":"fatal"}  ', '                '];
  expect(screenText(draw(rows), font)).toEqual(rows);
  expect(screenText(draw(rows, (row) => row === 0), font)).toEqual(rows); // prettier-ignore
});

it('does not guess: one wrong pixel makes a question mark', () => {
  const picture = draw(['ab']);
  const first = picture.indexOf('255\n') + 4;
  picture.fill(picture[first]! > 0 ? 0 : 0xff, first, first + 3);
  expect(screenText(picture, font)).toEqual(['?b']);
});

it('takes no other file for a picture or a font', () => {
  expect(() => screenText(Buffer.from('P3\n8 16\n255\n'), font)).toThrow('not a picture');
  expect(() => parseFont('0x00, /* 00000000 */')).toThrow('1 bytes of a font');
});
