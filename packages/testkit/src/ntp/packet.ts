import type { NtpReply } from './rules.ts';

/** Bytes of a packet without extension fields (RFC 5905, 7.3). */
export const PACKET_BYTES = 48;
/** Seconds between the epochs of NTP and Unix. */
const EPOCH = 2_208_988_800;
/** Where the packet's fields begin. */
const AT = { poll: 2, precision: 3, delay: 4, dispersion: 8, reference: 12, updated: 16, origin: 24, received: 32, sent: 40 }; // prettier-ignore
const CLIENT = 3;
const SERVER = 4;
const VERSION = 4;
/** 2^-24 s. */
const PRECISION = 0xe8;
/** In 2^-16 s: 1.5 ms. */
const SHORT = 100;
/** The clock was set this long ago. */
const UPDATED_SECONDS = 5;

function writeTime(packet: Buffer, at: number, unixSeconds: number): void {
  const time = unixSeconds + EPOCH;
  const whole = Math.floor(time);
  packet.writeUInt32BE(((whole % 2 ** 32) + 2 ** 32) % 2 ** 32, at);
  packet.writeUInt32BE(Math.floor((time - whole) * 2 ** 32), at + 4);
}

/** Returns whether the bytes are a client's request. */
export const isRequest = (bytes: Buffer): boolean =>
  bytes.length >= PACKET_BYTES && ((bytes[0] ?? 0) & 7) === CLIENT;

/** Returns the reply to a request that arrived at this time, in milliseconds of the workstation's clock. */
export function encodeReply(request: Buffer, reply: NtpReply, arrivedMs: number): Buffer {
  const packet = Buffer.alloc(PACKET_BYTES);
  const leap = reply.kiss === undefined ? reply.leap : 3;
  const stratum = reply.kiss === undefined ? reply.stratum : 0;
  packet.set([(leap << 6) | (VERSION << 3) | SERVER, stratum]);
  packet.set([request[AT.poll] ?? 6, PRECISION], AT.poll);
  packet.writeUInt32BE(SHORT, AT.delay);
  packet.writeUInt32BE(SHORT, AT.dispersion);
  packet.write(reply.kiss ?? 'LOCL', AT.reference);
  request.copy(packet, AT.origin, AT.sent, AT.sent + 8);
  const time = arrivedMs / 1000 + reply.offsetSeconds;
  writeTime(packet, AT.updated, time - UPDATED_SECONDS);
  writeTime(packet, AT.received, time);
  writeTime(packet, AT.sent, time);
  return packet;
}
