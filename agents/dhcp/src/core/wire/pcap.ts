import { ByteReader, ByteWriter } from '@kios/bytes';

const MAGIC = 0xa1b2c3d4;
const HEADER = 24;
const RECORD_HEADER = 16;
const SNAP_LENGTH = 0xffff;
const LINKTYPE_ETHERNET = 1;

/** A frame and the time it passed, in milliseconds of the wall clock. */
export interface Captured {
  readonly at: number;
  readonly frame: Uint8Array;
}

/** Returns a capture file in the classic format, which every packet tool reads. */
export function encodePcap(frames: readonly Captured[]): Uint8Array {
  const writer = new ByteWriter(HEADER + frames.length * 400);
  writer.u32(MAGIC).u16(2).u16(4).zeros(8).u32(SNAP_LENGTH).u32(LINKTYPE_ETHERNET);
  for (const { at, frame } of frames) {
    writer.u32(Math.floor(at / 1000)).u32(Math.round(at % 1000) * 1000);
    writer.u32(frame.length).u32(frame.length).bytes(frame);
  }
  return writer.finish();
}

/** Reads the frames of a file that `encodePcap` wrote. */
export function decodePcap(bytes: Uint8Array): Captured[] {
  const reader = new ByteReader(bytes);
  reader.skip(HEADER);
  const frames: Captured[] = [];
  while (reader.remaining >= RECORD_HEADER) {
    const at = reader.u32() * 1000 + reader.u32() / 1000;
    const length = reader.u32();
    reader.skip(4);
    frames.push({ at, frame: reader.bytes(length) });
  }
  return frames;
}
