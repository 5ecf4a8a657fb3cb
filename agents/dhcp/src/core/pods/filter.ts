import { PORT } from '../wire/frame.ts';
import { LOCAL } from './pod.ts';

type Instruction = readonly [code: number, jt: number, jf: number, k: number];

const LOAD = {
  byte: 0x30,
  half: 0x28,
  word: 0x20,
  halfIndexed: 0x48,
  byteIndexed: 0x50,
  ipHeaderLength: 0xb1,
} as const;
const JUMP = { equal: 0x15, anySet: 0x45 } as const;
const AND = 0x54;
const RETURN = 0x06;
/** Offsets at which the kernel returns facts about the packet instead of its bytes. */
const VLAN_TAG = 0xfffff000 + 44;
const VLAN_PRESENT = 0xfffff000 + 48;
/** Offset behind an IPv4 header of no length: Ethernet, UDP, and the fields before. */
const CHADDR = 14 + 8 + 28;

/**
 * Passes what servers send to pods, and replies to ARP probes, whose target is nobody's address. Each packet that comes
 * in by the uplink meets this filter, so nearly all leave it after a few instructions. Tagged frames belong to VLANs on
 * the uplink, and not to the bridge.
 */
export const POD_FILTER: readonly Instruction[] = [
  [LOAD.half, 0, 0, 12],
  [JUMP.equal, 5, 0, 0x0800],
  [JUMP.equal, 0, 19, 0x0806],
  [LOAD.half, 0, 0, 20],
  [JUMP.equal, 0, 17, 2],
  [LOAD.word, 0, 0, 38],
  [JUMP.equal, 9, 15, 0],
  [LOAD.byte, 0, 0, 23],
  [JUMP.equal, 0, 13, 17],
  [LOAD.half, 0, 0, 20],
  [JUMP.anySet, 11, 0, 0x3fff],
  [LOAD.ipHeaderLength, 0, 0, 14],
  [LOAD.halfIndexed, 0, 0, 16],
  [JUMP.equal, 0, 8, PORT.client],
  [LOAD.byteIndexed, 0, 0, CHADDR],
  [JUMP.equal, 0, 6, LOCAL],
  [LOAD.word, 0, 0, VLAN_PRESENT],
  [JUMP.equal, 3, 0, 0],
  [LOAD.word, 0, 0, VLAN_TAG],
  [AND, 0, 0, 0xfff],
  [JUMP.equal, 0, 1, 0],
  [RETURN, 0, 0, 0xffff],
  [RETURN, 0, 0, 0],
];
