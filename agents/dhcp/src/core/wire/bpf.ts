/** An instruction of the kernel's packet filters: Linux' `struct sock_filter`. */
export type Instruction = readonly [code: number, jt: number, jf: number, k: number];

export const LOAD = {
  byte: 0x30,
  half: 0x28,
  word: 0x20,
  halfIndexed: 0x48,
  wordIndexed: 0x40,
  byteIndexed: 0x50,
  ipHeaderLength: 0xb1,
} as const;
export const JUMP = { equal: 0x15, anySet: 0x45 } as const;
const AND = 0x54;
const RETURN = 0x06;
/** Offsets at which the kernel returns facts about the packet instead of its bytes. */
export const PACKET_TYPE = 0xfffff000 + 4;
const VLAN_TAG = 0xfffff000 + 44;
const VLAN_PRESENT = 0xfffff000 + 48;

/** The end of a filter. */
export const PASS: readonly Instruction[] = [[RETURN, 0, 0, 0xffff]];
export const DROP: readonly Instruction[] = [[RETURN, 0, 0, 0]];

/**
 * Goes on behind itself with what is untagged or has a priority tag (VID 0): a device must not take the frames of its
 * VLANs. Other frames jump over the next `rest` instructions.
 */
export const untagged = (rest: number): readonly Instruction[] => [
  [LOAD.word, 0, 0, VLAN_PRESENT],
  [JUMP.equal, 3, 0, 0],
  [LOAD.word, 0, 0, VLAN_TAG],
  [AND, 0, 0, 0xfff],
  [JUMP.equal, 0, rest, 0],
];
