import { DecodeError } from '@kios/bytes';

import type { Codec } from './codec.ts';

const POINTER = 0xc0;
const MAX_HOPS = 32;
const MAX_LABEL = 63;
const MAX_NAME = 253;
const MAX_LABELS = 127;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/i;

/** Domain names in DNS wire form, with compression within the option. RFC 3397. */
export const domainList: Codec<readonly string[]> = {
  /** Leaves out names that may not go into resolver files. What follows a name without an end is lost with it. */
  decode(reader) {
    const bytes = reader.rest();
    const names: string[] = [];
    try {
      for (let offset = 0; offset < bytes.length;) {
        const [labels, next] = readLabels(bytes, offset);
        const name = relative(labels.join('.'));
        if (isDomainName(name)) names.push(name);
        offset = next;
      }
    } catch (error) {
      if (!(error instanceof DecodeError) || names.length === 0) throw error;
    }
    if (names.length === 0 && bytes.length > 0) {
      throw new DecodeError('decode domain list: no usable name');
    }
    return names;
  },
  encode(writer, names) {
    for (const name of names) {
      for (const label of name.split('.')) {
        writer.u8(label.length).bytes(new TextEncoder().encode(label));
      }
      writer.u8(0);
    }
  },
};

/** Reads the name that starts at `start`. `next` is the offset after it, or after its first pointer. */
function readLabels(bytes: Uint8Array, start: number): [labels: string[], next: number] {
  const labels: string[] = [];
  let offset = start;
  let next: number | undefined;
  for (let hops = 0; hops <= MAX_HOPS;) {
    const length = byteAt(bytes, offset);
    if (length === 0) return [labels, next ?? offset + 1];
    if (length >= POINTER) {
      next ??= offset + 2;
      offset = ((length & 0x3f) << 8) | byteAt(bytes, offset + 1);
      hops += 1;
    } else {
      labels.push(readLabel(bytes, offset + 1, length));
      if (labels.length > MAX_LABELS) throw new DecodeError('decode domain list: name too long');
      offset += 1 + length;
    }
  }
  throw new DecodeError('decode domain list: too many compression pointers');
}

function byteAt(bytes: Uint8Array, offset: number): number {
  const byte = bytes[offset];
  if (byte === undefined) throw new DecodeError(`decode domain list: nothing at ${offset}`);
  return byte;
}

function readLabel(bytes: Uint8Array, start: number, length: number): string {
  if (length > MAX_LABEL) throw new DecodeError(`decode domain list: label type ${length >> 6}`);
  byteAt(bytes, start + length - 1);
  return new TextDecoder().decode(bytes.subarray(start, start + length));
}

/** Returns the name without the dot at its end, which some servers send to mark it as absolute. */
export const relative = (name: string): string => name.replace(/(?<=[^.])\.$/, '');

/** Returns whether the text is a host or domain name that may go into resolver files. RFC 1123 §2.1. */
export function isDomainName(name: string): boolean {
  return (
    name.length <= MAX_NAME &&
    name.split('.').every((label) => label.length <= MAX_LABEL && LABEL.test(label))
  );
}
