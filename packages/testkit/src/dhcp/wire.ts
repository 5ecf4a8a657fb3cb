/**
 * DHCP messages as servers and the tap see them. This codec is independent of the agent's, so that a mistake in one is
 * not hidden by the same mistake in the other.
 */

const COOKIE = 0x63825363;
const FIXED = 240;
const MIN_LENGTH = 300;
const PAD = 0;
const END = 255;

/** Values of option 53, from 1 on. */
export const TYPE_NAMES = [
  'discover',
  'offer',
  'request',
  'decline',
  'ack',
  'nak',
  'release',
  'inform',
] as const;
export type TypeName = (typeof TYPE_NAMES)[number];

export interface DhcpPacket {
  readonly op: number;
  readonly xid: number;
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: string;
  readonly yiaddr: string;
  readonly siaddr: string;
  readonly giaddr: string;
  readonly chaddr: string;
  /** Codes and values in hexadecimal, in the packet's order. */
  readonly options: readonly (readonly [code: number, hex: string])[];
}

export function typeName(packet: DhcpPacket): TypeName | undefined {
  return TYPE_NAMES[Number.parseInt(optionOf(packet, 53) ?? '0', 16) - 1];
}

export function optionOf(packet: DhcpPacket, code: number): string | undefined {
  return packet.options.find(([each]) => each === code)?.[1];
}

export const addressToHex = (address: string): string =>
  Buffer.from(address.split('.').map(Number)).toString('hex');
export const hexToAddress = (hex: string): string => [...Buffer.from(hex, 'hex')].join('.');
export const u32ToHex = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
export const textToHex = (value: string): string => Buffer.from(value).toString('hex');

const addressAt = (bytes: Buffer, at: number): string => [...bytes.subarray(at, at + 4)].join('.');

function readOptions(bytes: Buffer): [number, string][] {
  const options: [number, string][] = [];
  for (let at = FIXED; at < bytes.length && bytes[at] !== END;) {
    const code = bytes.readUInt8(at);
    if (code === PAD) {
      at += 1;
      continue;
    }
    const length = bytes.readUInt8(at + 1);
    options.push([code, bytes.toString('hex', at + 2, at + 2 + length)]);
    at += 2 + length;
  }
  return options;
}

/** Decodes a DHCP message; undefined for anything else. */
export function readPacket(bytes: Buffer): DhcpPacket | undefined {
  if (bytes.length < FIXED || bytes.readUInt32BE(236) !== COOKIE) return undefined;
  return {
    op: bytes.readUInt8(0),
    xid: bytes.readUInt32BE(4),
    secs: bytes.readUInt16BE(8),
    flags: bytes.readUInt16BE(10),
    ciaddr: addressAt(bytes, 12),
    yiaddr: addressAt(bytes, 16),
    siaddr: addressAt(bytes, 20),
    giaddr: addressAt(bytes, 24),
    chaddr: bytes
      .subarray(28, 34)
      .toString('hex')
      .replaceAll(/..(?=.)/g, '$&:'),
    options: readOptions(bytes),
  };
}

export function writePacket(packet: DhcpPacket): Buffer {
  const fixed = Buffer.alloc(FIXED);
  fixed.set([packet.op, 1, 6, 0]);
  fixed.writeUInt32BE(packet.xid, 4);
  fixed.writeUInt16BE(packet.secs, 8);
  fixed.writeUInt16BE(packet.flags, 10);
  for (const [index, field] of (['ciaddr', 'yiaddr', 'siaddr', 'giaddr'] as const).entries())
    fixed.write(addressToHex(packet[field]), 12 + 4 * index, 'hex');
  fixed.write(packet.chaddr.replaceAll(':', ''), 28, 'hex');
  fixed.writeUInt32BE(COOKIE, 236);
  const options = packet.options.map(([code, hex]) => {
    const value = Buffer.from(hex, 'hex');
    return Buffer.concat([Buffer.of(code, value.length), value]);
  });
  const whole = Buffer.concat([fixed, ...options, Buffer.of(END)]);
  return Buffer.concat([whole, Buffer.alloc(Math.max(0, MIN_LENGTH - whole.length))]);
}

const IPV4 = 0x0800;
const UDP = 17;
const PORTS: readonly number[] = [67, 68];

/** Decodes the DHCP message in an Ethernet frame; undefined when there is none. */
export function readFrame(frame: Buffer): DhcpPacket | undefined {
  if (frame.length < 42 || frame.readUInt16BE(12) !== IPV4 || frame.readUInt8(23) !== UDP)
    return undefined;
  const udp = 14 + (frame.readUInt8(14) & 0xf) * 4;
  if (!PORTS.includes(frame.readUInt16BE(udp + 2))) return undefined;
  return readPacket(frame.subarray(udp + 8, 14 + frame.readUInt16BE(16)));
}

const PCAP_HEADER = 24;
const RECORD_HEADER = 16;

/**
 * Decodes the DHCP messages in a little-endian Ethernet capture, as QEMU writes it. A partial last frame is skipped.
 */
export function readPcap(file: Buffer): DhcpPacket[] {
  const packets: DhcpPacket[] = [];
  for (let at = PCAP_HEADER; at + RECORD_HEADER <= file.length;) {
    const start = at + RECORD_HEADER;
    at = start + file.readUInt32LE(at + 8);
    const packet = at <= file.length ? readFrame(file.subarray(start, at)) : undefined;
    if (packet !== undefined) packets.push(packet);
  }
  return packets;
}
