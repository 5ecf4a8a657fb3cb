/** A picture: three bytes for each pixel, in rows. */
interface Picture {
  readonly width: number;
  readonly height: number;
  readonly pixels: Buffer;
}

/** Glyphs as 16 bytes, one for each row of 8 pixels, in hexadecimal → their characters. */
export type Font = ReadonlyMap<string, string>;

const GLYPH = { width: 8, height: 16 } as const;
const ASCII = { first: 0x20, last: 0x7e } as const;
const BRIGHT = 127;

/** Reads a PPM file of 8 bits a colour, as QEMU writes it. */
function parsePicture(bytes: Buffer): Picture {
  const head = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(bytes.toString('latin1', 0, 64));
  if (head === null) throw new Error('not a picture of QEMU');
  const [text, width, height] = head;
  return { width: Number(width), height: Number(height), pixels: bytes.subarray(text.length) };
}

/** Reads the kernel's own font, lib/fonts/font_8x16.c, whose rows have their bits as a comment. */
export function parseFont(source: string): Font {
  const bytes = [...source.matchAll(/^\s*0x([0-9a-f]{2}), \/\* [01]{8} \*\//gm)].map(([, hex]) => hex!); // prettier-ignore
  if (bytes.length !== 256 * GLYPH.height) throw new Error(`${bytes.length} bytes of a font`);
  const font = new Map<string, string>();
  for (let code = ASCII.first; code <= ASCII.last; code++) {
    const glyph = bytes.slice(code * GLYPH.height, (code + 1) * GLYPH.height).join('');
    font.set(glyph, String.fromCodePoint(code));
  }
  return font;
}

/** Returns the rows of pixels of one character, a byte each. */
function cell({ width, pixels }: Picture, row: number, column: number): Buffer {
  return Buffer.from(
    Array.from({ length: GLYPH.height }, (_, y) => {
      let bits = 0;
      for (let x = 0; x < GLYPH.width; x++) {
        const at = ((row * GLYPH.height + y) * width + column * GLYPH.width + x) * 3;
        const lit = Math.max(pixels[at]!, pixels[at + 1]!, pixels[at + 2]!) > BRIGHT;
        bits = (bits << 1) | Number(lit);
      }
      return bits;
    }),
  );
}

/** Reads the text of a picture of the screen, by rows; what is no character of ASCII becomes a question mark. */
export function screenText(picture: Buffer, font: Font): string[] {
  const parsed = parsePicture(picture);
  const [rows, columns] = [parsed.height / GLYPH.height, parsed.width / GLYPH.width];
  return Array.from({ length: Math.floor(rows) }, (_, row) =>
    Array.from({ length: Math.floor(columns) }, (_, column) => {
      const bits = cell(parsed, row, column);
      const inverse = Buffer.from(bits.map((byte) => ~byte & 0xff));
      return font.get(bits.toString('hex')) ?? font.get(inverse.toString('hex')) ?? '?';
    }).join(''),
  );
}
