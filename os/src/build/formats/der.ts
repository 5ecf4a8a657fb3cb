/** Encoders of the few ASN.1 types (DER, X.690) that certificates and signatures consist of. */

const byte = (value: number): Buffer => Buffer.from([value]);

function lengthOf(size: number): Buffer {
  if (size < 0x80) return byte(size);
  const bytes = Buffer.from(size.toString(16).padStart(size < 0x100 ? 2 : 4, '0'), 'hex');
  return Buffer.concat([byte(0x80 | bytes.length), bytes]);
}

/** Encodes a value of any type, up to 64 KiB. */
function tagged(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const whole = Buffer.concat(content);
  return Buffer.concat([byte(tag), lengthOf(whole.length), whole]);
}

/** Encodes a number that is not negative. */
export function integer(value: bigint): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  return tagged(0x02, ...(bytes[0]! >= 0x80 ? [byte(0)] : []), bytes);
}

export const boolean = (value: boolean): Buffer => tagged(0x01, byte(value ? 0xff : 0));
export const nothing = (): Buffer => tagged(0x05);
export const sequence = (...items: readonly Uint8Array[]): Buffer => tagged(0x30, ...items);
export const setOf = (...items: readonly Uint8Array[]): Buffer => tagged(0x31, ...items);
export const octets = (content: Uint8Array): Buffer => tagged(0x04, content);
/** Encodes a bit string of whole bytes. */
export const bits = (content: Uint8Array): Buffer => tagged(0x03, byte(0), content);
export const utf8 = (text: string): Buffer => tagged(0x0c, Buffer.from(text));
/** `YYMMDDHHMMSSZ`, from 1950 to 2049. */
export const utcTime = (text: string): Buffer => tagged(0x17, Buffer.from(text));
/** `YYYYMMDDHHMMSSZ`. */
export const generalizedTime = (text: string): Buffer => tagged(0x18, Buffer.from(text));
export const explicit = (number: number, content: Uint8Array): Buffer =>
  tagged(0xa0 | number, content);

/** Encodes an object identifier given in dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f];
    for (let left = arc >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return tagged(0x06, Buffer.from(bytes));
}
