import {
  ByteReader,
  ByteWriter,
  DecodeError,
  formatIpv4,
  fromHex,
  parseIpv4,
  toHex,
} from '@kios/bytes';

export const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV4 = 0x0800;
const HARDWARE_ETHERNET = 1;
const OPERATION = { request: 1, reply: 2 } as const;
const MIN_FRAME = 60;
const NOBODY = '00:00:00:00:00:00';
const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff';
export const UNSPECIFIED = '0.0.0.0';

/** An ARP packet for IPv4 over Ethernet, RFC 826. */
export interface ArpPacket {
  readonly operation: keyof typeof OPERATION;
  readonly senderMac: string;
  readonly sender: string;
  readonly targetMac: string;
  readonly target: string;
}

/** A request that asks who has an address without claiming it. RFC 5227 §1.1. */
export const probe = (mac: string, address: string): ArpPacket => ({
  operation: 'request',
  senderMac: mac,
  sender: UNSPECIFIED,
  targetMac: NOBODY,
  target: address,
});

/** A request that announces the address as ours. RFC 5227 §1.1. */
export const announcement = (mac: string, address: string): ArpPacket => ({
  ...probe(mac, address),
  sender: address,
});

/**
 * A request for a neighbour's hardware address. With `neighbourMac` it only asks whether the neighbour is still there.
 * RFC 4436 §2.1.1.
 */
export const question = (
  mac: string,
  address: string,
  neighbour: string,
  neighbourMac = NOBODY,
): ArpPacket => ({
  operation: 'request',
  senderMac: mac,
  sender: address,
  targetMac: neighbourMac,
  target: neighbour,
});

/** Returns the packet in an Ethernet frame, which is broadcast unless the target's hardware address is known. */
export function encodeArp(packet: ArpPacket): Uint8Array {
  const known = packet.targetMac !== NOBODY;
  return new ByteWriter(MIN_FRAME)
    .bytes(fromHex(known ? packet.targetMac : BROADCAST_MAC))
    .bytes(fromHex(packet.senderMac))
    .u16(ETHERTYPE_ARP)
    .u16(HARDWARE_ETHERNET)
    .u16(ETHERTYPE_IPV4)
    .u8(6)
    .u8(4)
    .u16(OPERATION[packet.operation])
    .bytes(fromHex(packet.senderMac))
    .bytes(parseIpv4(packet.sender))
    .bytes(fromHex(packet.targetMac))
    .bytes(parseIpv4(packet.target))
    .padTo(MIN_FRAME)
    .finish();
}

export function decodeArp(frame: Uint8Array): ArpPacket {
  const reader = new ByteReader(frame);
  reader.skip(12);
  const kinds = [reader.u16(), reader.u16(), reader.u16(), reader.u16()];
  const expected = [ETHERTYPE_ARP, HARDWARE_ETHERNET, ETHERTYPE_IPV4, 0x0604];
  if (kinds.some((kind, index) => kind !== expected[index])) {
    throw new DecodeError('decode ARP: not for IPv4 over Ethernet');
  }
  const code = reader.u16();
  if (code !== OPERATION.request && code !== OPERATION.reply) {
    throw new DecodeError(`decode ARP: operation ${code}`);
  }
  const [senderMac, sender] = [toHex(reader.bytes(6), ':'), formatIpv4(reader.bytes(4))];
  const [targetMac, target] = [toHex(reader.bytes(6), ':'), formatIpv4(reader.bytes(4))];
  const operation = code === OPERATION.request ? 'request' : 'reply';
  return { operation, senderMac, sender, targetMac, target };
}
