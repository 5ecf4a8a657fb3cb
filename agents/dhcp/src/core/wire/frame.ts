import {
  ByteReader,
  ByteWriter,
  DecodeError,
  formatIpv4,
  fromHex,
  parseIpv4,
  toHex,
} from '@kios/bytes';

/** Length of the header that PACKET_VNET_HDR puts before each frame, in both directions. */
export const VNET_HEADER = 10;
const NEEDS_CSUM = 1;
const ETHERTYPE_IPV4 = 0x0800;
const VERSION = 4;
const IP_HEADER = 20;
const UDP_HEADER = 8;
const PROTOCOL_UDP = 17;
/** The flag "more fragments" and the offset of a fragment. */
const MORE_OR_OFFSET = 0x3fff;
const TTL = 64;
export const PORT = { server: 67, client: 68 } as const;
export const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff';

/** A UDP datagram from the client port to the server port, and the Ethernet frame around it. */
export interface Datagram {
  readonly sourceMac: string;
  readonly targetMac: string;
  readonly source: string;
  readonly target: string;
  readonly payload: Uint8Array;
}

/** Returns the frame for a packet socket with PACKET_VNET_HDR: ten zero bytes, Ethernet, IPv4, UDP. */
export function encodeFrame(datagram: Datagram): Uint8Array {
  const writer = new ByteWriter(
    VNET_HEADER + 14 + IP_HEADER + UDP_HEADER + datagram.payload.length,
  );
  writer.zeros(VNET_HEADER).bytes(fromHex(datagram.targetMac)).bytes(fromHex(datagram.sourceMac));
  writer.u16(ETHERTYPE_IPV4);
  const udp = encodeUdp(datagram);
  return writer.bytes(encodeIpHeader(datagram, udp.length)).bytes(udp).finish();
}

function encodeIpHeader({ source, target }: Datagram, length: number): Uint8Array {
  const header = new ByteWriter(IP_HEADER)
    .u8(0x45)
    .u8(0)
    .u16(IP_HEADER + length)
    .u32(0);
  header.u8(TTL).u8(PROTOCOL_UDP).u16(0).bytes(parseIpv4(source)).bytes(parseIpv4(target));
  return header.setU16(10, checksum(header.finish())).finish();
}

function encodeUdp({ source, target, payload }: Datagram): Uint8Array {
  const length = UDP_HEADER + payload.length;
  const udp = new ByteWriter(length).u16(PORT.client).u16(PORT.server).u16(length).u16(0);
  udp.bytes(payload);
  // 0 means that there is no checksum. RFC 768.
  const sum = checksum(udp.finish(), pseudoHeader(parseIpv4(source), parseIpv4(target)) + length);
  return udp.setU16(6, sum || 0xffff).finish();
}

export interface Received {
  readonly sourceMac: string;
  readonly source: string;
  readonly payload: Uint8Array;
}

/** Reads a frame from a packet socket with PACKET_VNET_HDR. */
export function decodeFrame(frame: Uint8Array): Received {
  const reader = new ByteReader(frame);
  const checksumPending = (reader.u8() & NEEDS_CSUM) !== 0;
  reader.skip(VNET_HEADER - 1 + 6);
  const sourceMac = toHex(reader.bytes(6), ':');
  if (reader.u16() !== ETHERTYPE_IPV4) throw new DecodeError('decode frame: not IPv4');
  const { source, target, body } = decodeIp(reader.rest());
  const pseudo = pseudoHeader(source, target);
  const payload = decodeUdp(body, pseudo, checksumPending);
  return { sourceMac, source: formatIpv4(source), payload };
}

function decodeIp(packet: Uint8Array): {
  source: Uint8Array;
  target: Uint8Array;
  body: Uint8Array;
} {
  const reader = new ByteReader(packet);
  const first = reader.u8();
  const headerLength = (first & 0xf) * 4;
  reader.skip(1);
  const length = reader.u16();
  reader.skip(2);
  const isFragment = (reader.u16() & MORE_OR_OFFSET) !== 0;
  reader.skip(1);
  const protocol = reader.u8();
  reader.skip(2);
  const [source, target] = [reader.bytes(4), reader.bytes(4)];
  const valid = headerLength >= IP_HEADER && length >= headerLength && length <= packet.length;
  if (!valid) throw new DecodeError('decode IPv4 header: lengths do not fit');
  if (first >> 4 !== VERSION || protocol !== PROTOCOL_UDP || isFragment) {
    throw new DecodeError('decode IPv4 header: not a whole UDP packet');
  }
  if (checksum(packet.subarray(0, headerLength)) !== 0) {
    throw new DecodeError('decode IPv4 header: wrong checksum');
  }
  // Ethernet pads short frames, so the header's length counts.
  return { source, target, body: packet.slice(headerLength, length) };
}

function decodeUdp(body: Uint8Array, pseudo: number, checksumPending: boolean): Uint8Array {
  const reader = new ByteReader(body);
  reader.skip(2);
  if (reader.u16() !== PORT.client) throw new DecodeError('decode UDP: not for the client port');
  const length = reader.u16();
  const sum = reader.u16();
  if (length < UDP_HEADER || length > body.length) {
    throw new DecodeError(`decode UDP: length ${length}`);
  }
  // Some servers pad the packet behind the datagram.
  const datagram = body.subarray(0, length);
  // A sender on the same machine leaves the checksum to hardware that the frame never reaches. The vnet header says so.
  if (sum !== 0 && !checksumPending && checksum(datagram, pseudo + length) !== 0) {
    throw new DecodeError('decode UDP: wrong checksum');
  }
  return datagram.subarray(UDP_HEADER);
}

/** Returns the sum of the pseudo header without the datagram's length. */
function pseudoHeader(source: Uint8Array, target: Uint8Array): number {
  return sumWords(source) + sumWords(target) + PROTOCOL_UDP;
}

/** The Internet checksum, RFC 1071. */
export function checksum(bytes: Uint8Array, initial = 0): number {
  let sum = initial + sumWords(bytes);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function sumWords(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte, index) => sum + (index % 2 === 0 ? byte << 8 : byte), 0);
}
