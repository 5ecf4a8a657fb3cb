import { copyFile, readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';

import { readIfThere } from '../../workstation/files.ts';
import type { Arch, Board } from '../../workstation/paths.ts';
import { isAlive, terminate } from '../../workstation/process.ts';
import { run } from '../../workstation/run.ts';
import { type CABLES, MACHINE_FILES, qemuArguments, type MachineSpec, SCSI } from './arguments.ts';
import { openEmulator } from './emulator.ts';
import { launchQemu } from './launch.ts';
import { clearMachine, machineUuid } from './machine-uuid.ts';
import { ownNetwork } from './own-network.ts';
import { PLATFORMS } from './platform.ts';
import { qmp } from './qmp.ts';
import { growCard, loadPi, piArguments, USB_CARD } from './raspberry-pi.ts';
import { writeSeed, type Seed } from './seed.ts';

const STATE_FILE = 'machine.json';
const QUIT_DEADLINE_MS = 5000;
const SAVE_DEADLINE_MS = 120_000;

const Process = { pid: v.number(), startTicks: v.string() };
const State = v.object({
  ...Process,
  /** The process that started QEMU in a network of its own, and ends with it. */
  first: v.optional(v.object(Process)),
  /** Why the guest reaches the workstation's whole loopback; absent when it does not. */
  exposed: v.optional(v.string()),
  startedAt: v.number(),
  kubeletPort: v.number(),
});

/** A running QEMU process. */
export interface RunningMachine extends v.InferOutput<typeof State> {}

export type StartOptions = Omit<MachineSpec, 'arch' | 'firmware' | 'seed' | 'uuid'> & {
  readonly seed?: Seed;
  /** Ports of the workstation's 127.0.0.1 that the guest may reach. */
  readonly workstationPorts: readonly number[];
  /** The network namespace to run in, instead of one of its own. */
  readonly netns?: string;
};

/** One virtual machine, whose folder has its disk, firmware variables, logs and the identity of its QEMU process. */
export class Machine {
  readonly dir: string;
  readonly arch: Arch;
  readonly #board: Board | undefined;

  constructor(dir: string, arch: Arch = 'amd64', board?: Board) {
    this.dir = dir;
    this.arch = arch;
    this.#board = board;
  }

  file(name: keyof typeof MACHINE_FILES): string {
    return path.join(this.dir, MACHINE_FILES[name]);
  }

  /**
   * Gives the machine a new disk, a sparse copy of `image`, and removes everything of an earlier one. Without an image
   * it has no disk.
   */
  async create(image?: string): Promise<void> {
    await this.stop();
    await clearMachine(this.dir);
    if (image !== undefined) await this.copyDisk(image, MACHINE_FILES.disk);
    if (this.#board !== undefined) return growCard(this.file('disk'));
    const { firmware } = await openEmulator(this.arch);
    await copyFile(firmware.vars, this.file('vars'));
  }

  /** Powers the machine on. QEMU fails when it cannot open a device; otherwise it goes on in the background. */
  async start(options: StartOptions): Promise<RunningMachine> {
    const { seed, workstationPorts, netns, ...spec } = options;
    if (seed !== undefined) await writeSeed(this.file('seed'), seed);
    const { command, firmware } = await openEmulator(this.arch);
    const args =
      this.#board === undefined
        ? qemuArguments({
            ...spec,
            arch: this.arch,
            firmware,
            seed: seed !== undefined,
            uuid: await machineUuid(this.dir),
          })
        : piArguments(await loadPi(this.dir), spec);
    const startedAt = Date.now();
    const forwarded = (spec.forwards ?? []).map(({ from }) => from);
    const ports = {
      toMachine: [spec.kubeletPort, ...forwarded],
      toWorkstation: workstationPorts,
    };
    const { wrapper, exposed } =
      netns === undefined
        ? await ownNetwork(this.dir, ports)
        : { wrapper: ['ip', 'netns', 'exec', netns] };
    const launched = await launchQemu(this.dir, [...command, ...args], wrapper);
    const state = {
      ...launched,
      startedAt,
      kubeletPort: spec.kubeletPort,
      ...(exposed === undefined ? {} : { exposed }),
    };
    await writeFile(path.join(this.dir, STATE_FILE), JSON.stringify(state));
    return state;
  }

  /** Makes a file for a further disk: a sparse copy of `image`. */
  async copyDisk(image: string, name: string): Promise<void> {
    await run('cp', ['--sparse=always', '--reflink=auto', image, path.join(this.dir, name)]);
  }

  /** Makes an empty file for a further disk. */
  async emptyDisk({ file, bytes }: { file: string; bytes: number }): Promise<void> {
    const disk = path.join(this.dir, file);
    await writeFile(disk, '');
    await truncate(disk, bytes);
  }

  /** Plugs a disk with the content of a file into the running machine, which was started with `scsi`. */
  async plugDisk(file: string): Promise<void> {
    const drive = `plugged-${path.parse(file).name}`;
    await qmp(this.dir, MACHINE_FILES.qmp, 'blockdev-add', {
      driver: 'raw',
      'node-name': drive,
      'read-only': true,
      file: { driver: 'file', filename: file },
    });
    await this.plug({ driver: 'scsi-hd', id: `${drive}-device`, drive, bus: `${SCSI}.0` });
  }

  /** Plugs a device into the running machine; the properties are those of QEMU's `-device`. */
  async plug(
    device: Readonly<{ driver: string; id: string; [name: string]: string }>,
  ): Promise<void> {
    await qmp(this.dir, MACHINE_FILES.qmp, 'device_add', device);
  }

  /** Asks the guest to let go of a plugged device, as the button beside a slot does. It is gone once the guest has. */
  async unplug(id: string): Promise<void> {
    await qmp(this.dir, MACHINE_FILES.qmp, 'device_del', { id });
  }

  /** Takes a picture of the screen (PPM) of the running machine, which was started with one. */
  async photograph(): Promise<Buffer> {
    const filename = MACHINE_FILES.screen;
    await qmp(this.dir, MACHINE_FILES.qmp, 'screendump', { filename });
    return readFile(this.file('screen'));
  }

  /** Writes the memory of the running machine, which was started with so much, to a file, and returns its path. */
  async saveMemory(memoryMiB: number): Promise<string> {
    const filename = MACHINE_FILES.memory;
    const area = { val: PLATFORMS[this.arch].memoryStart, size: memoryMiB * 2 ** 20, filename };
    await qmp(this.dir, MACHINE_FILES.qmp, 'pmemsave', area, SAVE_DEADLINE_MS);
    return this.file('memory');
  }

  /**
   * Plugs a network card into the running board. Not at power-on: QEMU's USB controller interrupts the guest a thousand
   * times a second as soon as anything is plugged in, which makes its boot three times as long.
   */
  async plugNetworkCard(): Promise<void> {
    await this.plug(USB_CARD);
  }

  /** Pulls a cable of the running machine, which was started with two cards, or plugs it in again. */
  async setCable(name: (typeof CABLES)[number], up: boolean): Promise<void> {
    await qmp(this.dir, MACHINE_FILES.qmp, 'set_link', { name, up });
  }

  /** Returns the running machine; undefined when it is off. */
  async running(): Promise<RunningMachine | undefined> {
    const text = await readIfThere(path.join(this.dir, STATE_FILE));
    if (text === undefined) return undefined;
    const state = v.safeParse(v.pipe(v.string(), v.parseJson(), State), text);
    return state.success && (await isAlive(state.output)) ? state.output : undefined;
  }

  /** Cuts the power. Does nothing when the machine is off. */
  async stop(): Promise<void> {
    const machine = await this.running();
    if (machine === undefined) return;
    await qmp(this.dir, MACHINE_FILES.qmp, 'quit').catch(() => {});
    await terminate(machine, QUIT_DEADLINE_MS);
    if (machine.first !== undefined) await terminate(machine.first, QUIT_DEADLINE_MS);
  }
}
