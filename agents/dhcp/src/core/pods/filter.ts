import { DROP, type Instruction, JUMP, LOAD, PASS, untagged } from '../wire/bpf.ts';
import { PORT } from '../wire/frame.ts';
import { LOCAL } from './pod.ts';

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
  ...untagged(PASS.length),
  ...PASS,
  ...DROP,
];
