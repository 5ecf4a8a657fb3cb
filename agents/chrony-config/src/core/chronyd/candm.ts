import { ByteWriter, parseIpv4, parseIpv6 } from '@kios/bytes';
import { EXIT, KiosError } from '@kios/errors';

/** chronyd's command protocol, version 6 (candm.h). All numbers are big-endian. */
const VERSION = 6;
const PACKET = { request: 1, reply: 2 } as const;
export const COMMAND = {
  online: 1,
  burst: 3,
  countSources: 14,
  sourceData: 15,
  tracking: 33,
  makeStep: 43,
  shutdown: 62,
  reloadSources: 70,
} as const;
export type Command = (typeof COMMAND)[keyof typeof COMMAND];

const REQUEST_HEADER = 20;
const REPLY_HEADER = 28;
/** The size of a reply, to which its request is padded so that the protocol does not amplify traffic. */
const REPLY_SIZE: Readonly<Record<Command, number>> = {
  [COMMAND.online]: REPLY_HEADER,
  [COMMAND.burst]: REPLY_HEADER,
  [COMMAND.countSources]: 32,
  [COMMAND.sourceData]: 76,
  [COMMAND.tracking]: 104,
  [COMMAND.makeStep]: REPLY_HEADER,
  [COMMAND.shutdown]: REPLY_HEADER,
  [COMMAND.reloadSources]: REPLY_HEADER,
};

const NOTHING = new Uint8Array();

/** `data` is what the command needs to know: `indexData`, `onlineData` or `burstData`; most need nothing. */
export function encodeRequest(
  command: Command,
  sequence: number,
  data: Uint8Array = NOTHING,
): Uint8Array {
  const bytes = new Uint8Array(Math.max(REQUEST_HEADER + data.length, REPLY_SIZE[command]));
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION);
  view.setUint8(1, PACKET.request);
  view.setUint16(4, command);
  view.setUint32(8, sequence);
  bytes.set(data, REQUEST_HEADER);
  return bytes;
}

/** The data of `sourceData`: the place of a source in chronyd's list. */
export const indexData = (index: number): Uint8Array => new ByteWriter(4).u32(index).finish();

const FAMILY = { v4: 1, v6: 2 } as const;
const ADDRESS_SIZE = 16;

function writeAddress(writer: ByteWriter, family: number, bytes: Uint8Array): void {
  writer.bytes(bytes).zeros(ADDRESS_SIZE - bytes.length);
  writer.u16(family).u16(0);
}

/** The data of `online`: the source with this IP address, by a mask of all bits. */
export function onlineData(source: string): Uint8Array {
  const isV6 = source.includes(':');
  const family = isV6 ? FAMILY.v6 : FAMILY.v4;
  const address = isV6 ? parseIpv6(source) : parseIpv4(source);
  const writer = new ByteWriter(2 * (ADDRESS_SIZE + 4));
  writeAddress(writer, family, new Uint8Array(address.length).fill(0xff));
  writeAddress(writer, family, address);
  return writer.finish();
}

/** The data of `burst`: the source, the good samples that end it, and the requests that it takes at most. */
export const burstData = (source: string, good: number, total: number): Uint8Array =>
  new ByteWriter(48).bytes(onlineData(source)).u32(good).u32(total).finish();

export interface Reply {
  readonly command: number;
  readonly sequence: number;
  /** 0 is success. */
  readonly status: number;
  readonly data: DataView;
}

const malformed = (why: string): KiosError =>
  new KiosError('KIOS_CHRONYD_REPLY', `decode the reply of chronyd: ${why}`, {
    exitCode: EXIT.data,
  });

export function decodeReply(bytes: Uint8Array): Reply {
  if (bytes.length < REPLY_HEADER) throw malformed(`it has ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(0) !== VERSION) throw malformed(`its protocol version is ${view.getUint8(0)}`);
  if (view.getUint8(1) !== PACKET.reply) throw malformed('it is not a reply');
  return {
    command: view.getUint16(4),
    status: view.getUint16(8),
    sequence: view.getUint32(16),
    data: new DataView(bytes.buffer, bytes.byteOffset + REPLY_HEADER, bytes.length - REPLY_HEADER),
  };
}

/** Decodes chronyd's floating-point format: 7 bits of exponent and 25 of coefficient, both in two's complement. */
export function decodeFloat(bits: number): number {
  const exponent = bits >> 25;
  const coefficient = (bits << 7) >> 7;
  return coefficient * 2 ** (exponent - 25);
}

/** The source that chronyd follows. */
export interface Tracking {
  /** An IP address, or the reference ID of a reference clock, such as `PHC0`. */
  readonly source: string | undefined;
  readonly stratum: number;
  /** Seconds by which the source is ahead of the clock, which chronyd is still correcting. */
  readonly offset: number;
}

/** The last measurement of one source, selected or not. */
export interface Measurement {
  /** As in `Tracking`. */
  readonly source: string | undefined;
  /** False without a sample of its time, and while none of its last eight requests has a reply. */
  readonly isReachable: boolean;
  /**
   * Seconds by which the source is ahead of the time to which chronyd is correcting the clock. chronyd counts the whole
   * correction as done once it has begun.
   */
  readonly offset: number;
}

/** The age of a sample that does not exist. */
const NO_SAMPLE = 0xffffffff;

function decodeAddress(data: DataView, at: number): string | undefined {
  const family = data.getUint16(at + 16);
  const byte = (index: number): number => data.getUint8(at + index);
  if (family === FAMILY.v4) return [0, 1, 2, 3].map(byte).join('.');
  if (family !== FAMILY.v6) return undefined;
  const groups = Array.from({ length: 8 }, (_, group) =>
    data.getUint16(at + 2 * group).toString(16),
  );
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

/** RPY_SD_MD_REF of candm.h. */
const REFERENCE_CLOCK = 2;
/** What `local` gives a chronyd that serves time without a source. */
const LOCAL_ID = 0x7f7f0101;

/** Returns the name of a reference clock, by the four characters of its reference ID. */
function decodeReferenceId(data: DataView, at: number): string | undefined {
  const id = data.getUint32(at);
  if (id === 0 || id === LOCAL_ID) return undefined;
  const characters = [24, 16, 8, 0].map((shift) => String.fromCodePoint((id >>> shift) & 0xff));
  return characters.join('').replaceAll(/[^!-~]/g, '') || undefined;
}

export function decodeTracking({ data }: Reply): Tracking {
  if (data.byteLength < REPLY_SIZE[COMMAND.tracking] - REPLY_HEADER)
    throw malformed('the tracking data is cut short');
  return {
    source: decodeAddress(data, 4) ?? decodeReferenceId(data, 0),
    stratum: data.getUint16(24),
    offset: decodeFloat(data.getInt32(40)),
  };
}

export function decodeSourceCount({ data }: Reply): number {
  if (data.byteLength < REPLY_SIZE[COMMAND.countSources] - REPLY_HEADER)
    throw malformed('the number of sources is cut short');
  return data.getUint32(0);
}

export function decodeMeasurement({ data }: Reply): Measurement {
  if (data.byteLength < REPLY_SIZE[COMMAND.sourceData] - REPLY_HEADER)
    throw malformed('the measurement of a source is cut short');
  const isClock = data.getUint16(26) === REFERENCE_CLOCK;
  return {
    source: isClock ? decodeReferenceId(data, 0) : decodeAddress(data, 0),
    isReachable: data.getUint16(30) !== 0 && data.getUint32(32) !== NO_SAMPLE,
    // chronyd gives the time by which its own is ahead.
    offset: -decodeFloat(data.getInt32(40)),
  };
}
