import { fromHex, parseIpv4 } from '@kios/bytes';

import { DROP, type Instruction, JUMP, LOAD, PACKET_TYPE, PASS, untagged } from './bpf.ts';
import { PORT } from './frame.ts';

const OUTGOING = 4;
const ARP_REPLY = 2;
/** Offsets behind an IPv4 header of no length: Ethernet, UDP, and the fields before. */
const XID = 14 + 8 + 4;
const CHADDR = 14 + 8 + 28;

/**
 * Passes unfragmented IPv4 UDP to the client port with our hardware address in `chaddr` and this `xid`, untagged or
 * with a priority tag (VID 0): a device must not take the frames of its VLANs. Replies to the other clients of a large
 * network wake nobody, and a flood of replies to no question of ours does not crowd out the one reply.
 */
export function clientFilter(mac: string, xid: number): readonly Instruction[] {
  const chaddr = new DataView(fromHex(mac).buffer);
  return [
    [LOAD.half, 0, 0, 12],
    [JUMP.equal, 0, 19, 0x0800],
    [LOAD.byte, 0, 0, 23],
    [JUMP.equal, 0, 17, 17],
    [LOAD.half, 0, 0, 20],
    [JUMP.anySet, 15, 0, 0x3fff],
    [LOAD.ipHeaderLength, 0, 0, 14],
    [LOAD.halfIndexed, 0, 0, 16],
    [JUMP.equal, 0, 12, PORT.client],
    [LOAD.wordIndexed, 0, 0, XID],
    [JUMP.equal, 0, 10, xid],
    [LOAD.wordIndexed, 0, 0, CHADDR],
    [JUMP.equal, 0, 8, chaddr.getUint32(0)],
    [LOAD.halfIndexed, 0, 0, CHADDR + 4],
    [JUMP.equal, 0, 6, chaddr.getUint16(4)],
    ...untagged(PASS.length),
    ...PASS,
    ...DROP,
  ];
}

/**
 * Passes ARP of other hosts about an address: claims, probes, and replies of `neighbours`. The rest of a busy network's
 * ARP wakes nobody.
 */
export function arpFilter(
  address: string,
  ...neighbours: readonly string[]
): readonly Instruction[] {
  const mine = wordOf(address);
  const count = neighbours.length;
  return [
    [LOAD.word, 0, 0, PACKET_TYPE],
    [JUMP.equal, 13 + count, 0, OUTGOING],
    ...untagged(8 + count),
    // Sender.
    [LOAD.word, 0, 0, 28],
    [JUMP.equal, 5 + count, 0, mine],
    ...neighbours.map((each, at): Instruction => [JUMP.equal, 2 + count - at, 0, wordOf(each)]),
    [JUMP.equal, 0, 5, 0],
    // Target of a probe.
    [LOAD.word, 0, 0, 38],
    [JUMP.equal, 2, 3, mine],
    // Operation of the neighbour's packet.
    [LOAD.half, 0, 0, 20],
    [JUMP.equal, 0, 1, ARP_REPLY],
    ...PASS,
    ...DROP,
  ];
}

const wordOf = (address: string): number =>
  parseIpv4(address).reduce((word, byte) => word * 256 + byte, 0);
