import { fitGpt, gptDiskBytes } from '../../build/formats/gpt-fit.ts';
import { decodeGpt, type PlacedPartition, SECTOR } from '../../build/formats/gpt.ts';
import { HEAD } from '../units.ts';
import { imageError } from './image-error.ts';

/** What an image's first bytes say of it. */
export interface ImageHead {
  /** Size of the image. Undefined when only its end tells, as with a table of the old kind (MBR). */
  readonly bytes: number | undefined;
  /** Bytes that the partitions need; the image has at least as many. */
  readonly needed: number;
  readonly partitions: readonly PlacedPartition[];
}

/** Bytes to put in place of the image's own. */
export interface Overlay {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** The image as it is on a device of a certain size. */
export interface Fitted {
  /** What differs from the image, the head and the second table left out. */
  readonly overlays: readonly Overlay[];
  /** The first MiB. */
  readonly head: Buffer;
  /** The second partition table. */
  readonly backup: Overlay | undefined;
}

/** Formats that are no plain image, by their first bytes. */
const FOREIGN: readonly (readonly [magic: string, remedy: string])[] = [
  ['1f8b', 'Unpack it first, with gunzip.'],
  ['425a68', 'Unpack it first, with bunzip2.'],
  ['504b0304', 'Unpack it first, with unzip.'],
  ['514649fb', 'Convert it first: qemu-img convert -O raw IMAGE kios.img.'],
  ['4d5a', 'This is a program for UEFI; flash kios.img, which holds it.'],
];

/** Partitions of an MBR: where the last one ends. Undefined when the sector holds none. */
function mbrEnd(sector: Buffer): number | undefined {
  if (sector.readUInt16LE(510) !== 0xaa55) return undefined;
  const ends = [446, 462, 478, 494]
    .filter((at) => sector[at + 4] !== 0)
    .map((at) => (sector.readUInt32LE(at + 8) + sector.readUInt32LE(at + 12)) * SECTOR);
  return ends.length === 0 ? undefined : Math.max(...ends);
}

function gptHead(name: string, head: Buffer): ImageHead {
  const [bytes, partitions] = [gptDiskBytes(head), decodeGpt(head)];
  if (bytes === undefined || partitions === undefined)
    throw imageError(name, 'its partition table is damaged');
  const needed = Math.max(0, ...partitions.map(({ offset, bytes }) => offset + bytes));
  if (!Number.isSafeInteger(bytes) || bytes < 2 * HEAD || needed > bytes - 34 * SECTOR)
    throw imageError(name, 'its partition table contradicts itself');
  return { bytes, needed, partitions };
}

/** Reads the partition table in an image's first bytes. `name` is for errors. */
export function readHead(name: string, head: Buffer): ImageHead {
  const foreign = FOREIGN.find(([magic]) => head.subarray(0, 8).toString('hex').startsWith(magic));
  if (foreign !== undefined) throw imageError(name, 'it is no disk image', foreign[1]);
  if (head.length < HEAD) throw imageError(name, `it ends after ${head.length} bytes`);
  if (head.toString('latin1', SECTOR, SECTOR + 8) === 'EFI PART') return gptHead(name, head);
  const end = mbrEnd(head);
  if (end === undefined) throw imageError(name, 'it has no partition table');
  return { bytes: undefined, needed: end, partitions: [] };
}

/** Fits an image to a device. The result depends only on the two, so that a later check can compute it again. */
export function fitImage(head: Buffer, deviceBytes: number): Fitted {
  const fitted = fitGpt(head, deviceBytes);
  if (fitted === undefined) return { overlays: [], head, backup: undefined };
  const { start, backup, stale } = fitted;
  return {
    overlays: [{ offset: stale.offset, bytes: Buffer.alloc(stale.length) }],
    head: start,
    backup,
  };
}

/** Puts the parts of overlays that lie in a block of the image in their places. */
export function applyOverlays(block: Buffer, at: number, overlays: readonly Overlay[]): void {
  for (const { offset, bytes } of overlays) {
    const from = Math.max(offset, at);
    const to = Math.min(offset + bytes.length, at + block.length);
    if (from < to) bytes.copy(block, from - at, from - offset, to - offset);
  }
}
