type Instruction = readonly [code: number, jt: number, jf: number, k: number];

interface Machine {
  readonly view: DataView;
  readonly vlanTag: number | undefined;
  readonly outgoing: boolean;
  a: number;
  x: number;
  pc: number;
}

const ANCILLARY: Readonly<Record<number, (machine: Machine) => number>> = {
  [0xfffff000 + 4]: ({ outgoing }) => (outgoing ? 4 : 1),
  [0xfffff000 + 44]: ({ vlanTag }) => vlanTag ?? 0,
  [0xfffff000 + 48]: ({ vlanTag }) => (vlanTag === undefined ? 0 : 1),
};

/** The instructions that our filters use, by code. */
const INSTRUCTIONS: Readonly<
  Record<number, (machine: Machine, k: number, jt: number, jf: number) => void>
> = {
  0x20: (machine, k) => {
    machine.a = ANCILLARY[k]?.(machine) ?? machine.view.getUint32(k);
  },
  0x28: (machine, k) => {
    machine.a = machine.view.getUint16(k);
  },
  0x30: (machine, k) => {
    machine.a = machine.view.getUint8(k);
  },
  0x40: (machine, k) => {
    machine.a = machine.view.getUint32(machine.x + k);
  },
  0x48: (machine, k) => {
    machine.a = machine.view.getUint16(machine.x + k);
  },
  0x50: (machine, k) => {
    machine.a = machine.view.getUint8(machine.x + k);
  },
  0xb1: (machine, k) => {
    machine.x = (machine.view.getUint8(k) & 0xf) * 4;
  },
  0x54: (machine, k) => {
    machine.a &= k;
  },
  0x15: (machine, k, jt, jf) => {
    machine.pc += machine.a === k ? jt : jf;
  },
  0x45: (machine, k, jt, jf) => {
    machine.pc += (machine.a & k) === 0 ? jf : jt;
  },
};
const RETURN = 0x06;

/** Runs a classic BPF program as the kernel does. Returns the number of bytes that pass. */
export function runFilter(
  program: readonly Instruction[],
  frame: Uint8Array,
  vlanTag: number | undefined,
  outgoing = false,
): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const machine: Machine = { view, vlanTag, outgoing, a: 0, x: 0, pc: 0 };
  for (; machine.pc < program.length; machine.pc += 1) {
    const [code = 0, jt = 0, jf = 0, k = 0] = program[machine.pc] ?? [];
    if (code === RETURN) return k;
    const execute = INSTRUCTIONS[code];
    if (execute === undefined) throw new Error(`instruction ${code}`);
    execute(machine, k, jt, jf);
  }
  throw new Error('ran off the end');
}
