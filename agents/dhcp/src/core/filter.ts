import { PORT } from './frame.ts';

type Instruction = readonly [code: number, jt: number, jf: number, k: number];

const LOAD = {
  byte: 0x30,
  half: 0x28,
  word: 0x20,
  halfIndexed: 0x48,
  ipHeaderLength: 0xb1,
} as const;
const JUMP = { equal: 0x15, anySet: 0x45 } as const;
const AND = 0x54;
const RETURN = 0x06;
/** Offsets at which the kernel answers about the packet in place of its bytes. */
const VLAN_TAG = 0xfffff000 + 44;
const VLAN_PRESENT = 0xfffff000 + 48;

/**
 * Passes unfragmented IPv4 UDP to the client port, untagged or with a mere priority tag (VID 0): a device must not
 * take what belongs to one of its VLANs.
 */
export const CLIENT_FILTER: readonly Instruction[] = [
  [LOAD.half, 0, 0, 12],
  [JUMP.equal, 0, 13, 0x0800],
  [LOAD.byte, 0, 0, 23],
  [JUMP.equal, 0, 11, 17],
  [LOAD.half, 0, 0, 20],
  [JUMP.anySet, 9, 0, 0x3fff],
  [LOAD.ipHeaderLength, 0, 0, 14],
  [LOAD.halfIndexed, 0, 0, 16],
  [JUMP.equal, 0, 6, PORT.client],
  [LOAD.word, 0, 0, VLAN_PRESENT],
  [JUMP.equal, 3, 0, 0],
  [LOAD.word, 0, 0, VLAN_TAG],
  [AND, 0, 0, 0xfff],
  [JUMP.equal, 0, 1, 0],
  [RETURN, 0, 0, 0xffff],
  [RETURN, 0, 0, 0],
];
