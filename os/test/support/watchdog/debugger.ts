import { open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import path from 'node:path';

/** Registers of x86-64 as QEMU lists them for `g`: sixteen of 8 bytes, the instruction pointer, the flags. */
const POINTER = { at: 16 * 16, digits: 16 } as const;
const FLAGS = { at: POINTER.at + POINTER.digits, digits: 8 } as const;
/** The flag by which a processor takes interrupts. */
const INTERRUPTS = 0x200;
/** An instruction that jumps to itself. */
const LOOP = 'ebfe';

const DEADLINE_MS = 10_000;

/** Returns the digits of a number whose bytes are in the guest's order. */
const turned = (digits: string): string => (digits.match(/../g) ?? []).toReversed().join('');

const sumOf = (text: string): string =>
  (Buffer.from(text, 'latin1').reduce((sum, byte) => sum + byte, 0) & 0xff)
    .toString(16)
    .padStart(2, '0');

/** A client of GDB's remote protocol, which QEMU speaks. The machine stands still while one is connected. */
class Debugger implements Disposable {
  readonly #socket: Socket;
  readonly #packets: AsyncGenerator<string, undefined>;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setTimeout(DEADLINE_MS, () => socket.destroy(new Error('the debugger has no reply')));
    this.#packets = this.#read();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  async *#read(): AsyncGenerator<string, undefined> {
    let text = '';
    for await (const chunk of this.#socket) {
      text += Buffer.from(chunk).toString('latin1');
      for (let found; (found = /^[^$]*\$([^#]*)#../.exec(text)) !== null;) {
        text = text.slice(found[0].length);
        this.#socket.write('+');
        yield found[1] ?? '';
      }
    }
  }

  async ask(request: string): Promise<string> {
    this.#socket.write(`$${request}#${sumOf(request)}`);
    const { value } = await this.#packets.next();
    if (value === undefined) throw new Error(`the debugger has ended at ${request.slice(0, 20)}`);
    if (value === '' || value.startsWith('E'))
      throw new Error(`the debugger refuses ${request.slice(0, 20)}: ${value}`);
    return value;
  }
}

async function processors(machine: Debugger): Promise<string[]> {
  const found: string[] = [];
  for (let reply = await machine.ask('qfThreadInfo'); reply.startsWith('m');) {
    found.push(...reply.slice(1).split(','));
    reply = await machine.ask('qsThreadInfo');
  }
  return found;
}

async function hangProcessor(machine: Debugger, processor: string): Promise<void> {
  await machine.ask(`Hg${processor}`);
  const registers = await machine.ask('g');
  const pointer = turned(registers.slice(POINTER.at, POINTER.at + POINTER.digits));
  const flags = turned(registers.slice(FLAGS.at, FLAGS.at + FLAGS.digits));
  const without = (Number.parseInt(flags, 16) & ~INTERRUPTS) >>> 0;
  const changed =
    registers.slice(0, FLAGS.at) +
    turned(without.toString(16).padStart(FLAGS.digits, '0')) +
    registers.slice(FLAGS.at + FLAGS.digits);
  await machine.ask(`M${pointer},${LOOP.length / 2}:${LOOP}`);
  await machine.ask(`G${changed}`);
}

/**
 * Has every processor of a machine do nothing any more, without interrupts, as a kernel does that hangs. `name` is the
 * socket of QEMU's debugger in the machine's folder. Returns how many processors there are.
 */
export async function hangMachine(dir: string, name: string): Promise<number> {
  await using folder = await open(dir);
  // By the folder's descriptor, which keeps the path below the kernel's limit.
  const socket = connect(path.join('/proc/self/fd', String(folder.fd), name));
  using machine = new Debugger(socket);
  await machine.ask('?');
  const all = await processors(machine);
  for (const processor of all) await hangProcessor(machine, processor);
  await machine.ask('D');
  return all.length;
}
