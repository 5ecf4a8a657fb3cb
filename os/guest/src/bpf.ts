import { allocate } from '@kios/syscall/raw';

import { call, memory } from './call.ts';

const BPF = { mapCreate: 0, progLoad: 5, progAttach: 8, rawTracepointOpen: 17 } as const;
const ATTRIBUTE_SIZE = 152;

type Instruction = readonly [code: number, registers: number, offset: number, immediate: number];

const R10_TO_R1 = 0xa1;
/** r0 = n; exit. */
export const returns = (n: number): Instruction[] => [
  [0xb7, 0, 0, n],
  [0x95, 0, 0, 0],
];
/** r1 = 8 zeroed bytes of the stack; r2 = r1; r3 = 8; call the helper. */
export const callHelper = (helper: number): Instruction[] => [
  [0xbf, R10_TO_R1, 0, 0],
  [0x07, 0x01, 0, -8],
  [0x7a, 0x01, 0, 0],
  [0xbf, 0x12, 0, 0],
  [0xb7, 0x03, 0, 8],
  [0x85, 0, 0, helper],
];

function encode(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  for (const [index, [code, registers, offset, immediate]] of program.entries()) {
    bytes.writeUInt8(code, index * 8);
    bytes.writeUInt8(registers, index * 8 + 1);
    bytes.writeInt16LE(offset, index * 8 + 2);
    bytes.writeInt32LE(immediate, index * 8 + 4);
  }
  return bytes;
}

export interface Program {
  /** BPF_PROG_TYPE_*. */
  readonly type: number;
  /** BPF_* attach type, which the kernel checks for some program types. */
  readonly attach?: number;
  /** Identifier of a kernel type, for programs that attach to a function. */
  readonly btf?: number;
  readonly code: readonly Instruction[];
}

/** Loads a program through the verifier and returns its descriptor. */
export function loadProgram({ type, attach = 0, btf = 0, code }: Program): number {
  const attributes = Buffer.alloc(ATTRIBUTE_SIZE);
  attributes.writeUInt32LE(type, 0);
  attributes.writeUInt32LE(code.length, 4);
  attributes.writeBigUInt64LE(memory(encode(code)).address, 8);
  attributes.writeBigUInt64LE(memory(Buffer.from('GPL\0')).address, 16);
  attributes.writeUInt32LE(attach, 68);
  attributes.writeUInt32LE(btf, 108);
  return call('bpf', BPF.progLoad, attributes, attributes.length);
}

export interface BpfMap {
  /** BPF_MAP_TYPE_*. */
  readonly type: number;
  readonly key?: number;
  readonly value?: number;
  readonly entries?: number;
  readonly flags?: number;
}

export function createMap({ type, key = 4, value = 8, entries = 4, flags = 0 }: BpfMap): number {
  const attributes = Buffer.alloc(ATTRIBUTE_SIZE);
  for (const [index, word] of [type, key, value, entries, flags].entries())
    attributes.writeUInt32LE(word, index * 4);
  return call('bpf', BPF.mapCreate, attributes, attributes.length);
}

/** Attaches a program to a control group. */
export function attachToGroup(program: number, group: number, attach: number): void {
  const attributes = Buffer.alloc(ATTRIBUTE_SIZE);
  for (const [index, word] of [group, program, attach].entries())
    attributes.writeUInt32LE(word, index * 4);
  call('bpf', BPF.progAttach, attributes, attributes.length);
}

/**
 * Attaches a program to the tracepoint `name`, or without a name to the target it was loaded for. Closing the returned
 * descriptor detaches it.
 */
export function attachProgram(program: number, name?: string): number {
  const attributes = allocate(ATTRIBUTE_SIZE);
  const view = new DataView(attributes.bytes.buffer);
  if (name !== undefined) view.setBigUint64(0, memory(Buffer.from(`${name}\0`)).address, true);
  view.setUint32(8, program, true);
  return call('bpf', BPF.rawTracepointOpen, attributes, ATTRIBUTE_SIZE);
}
