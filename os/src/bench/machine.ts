import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import * as v from 'valibot';

import { MACHINE_FILES } from '../lab/qemu/arguments.ts';
import { Console } from '../lab/qemu/console.ts';
import { type Emulator, openEmulator } from '../lab/qemu/emulator.ts';
import { splitFlags } from '../lab/qemu/flags.ts';
import { launchQemu } from '../lab/qemu/launch.ts';
import { machineFlags, secureBootFlags } from '../lab/qemu/platform.ts';
import { qmp } from '../lab/qemu/qmp.ts';
import { terminate } from '../workstation/process.ts';

const STATS_TIMEOUT_MS = 30_000;

const MemoryStats = v.object({
  'last-update': v.number(),
  stats: v.object({ 'stat-total-memory': v.number(), 'stat-available-memory': v.number() }),
});

/** A guest to measure. `boot` are the arguments of QEMU that name what it boots. */
export interface BenchGuest {
  readonly boot: readonly string[];
  readonly memoryMiB: number;
  /** QEMU's model of its network card. */
  readonly card?: string;
  /** QEMU's model of its processor, in place of the platform's. */
  readonly processor?: string;
  /** Firmware that enforces Secure Boot once it has keys. */
  readonly secureBoot?: boolean;
  /** A file with the firmware's variables, in place of those of a new machine. */
  readonly vars?: string;
}

const firmwareOf = ({ firmware }: Emulator, { secureBoot = false }: BenchGuest): string => {
  if (!secureBoot) return firmware.code;
  if (firmware.secureCode === undefined) throw new Error('there is no firmware with Secure Boot');
  return firmware.secureCode;
};

/**
 * The machine that boot times are measured on: one processor that takes one nanosecond for each instruction. Time by
 * the guest's clock then does not depend on the workstation, and idling takes no real time.
 */
export const benchArguments = (guest: BenchGuest, firmware: string): string[] => [
  ...splitFlags([
    '-name kios-bench',
    ...machineFlags('amd64', guest.processor),
    ...(guest.secureBoot === true ? secureBootFlags() : []),
    '-smp 1',
    '-accel tcg',
    '-icount shift=0,sleep=off',
    `-m ${guest.memoryMiB}`,
    '-nodefaults',
    '-no-user-config',
    '-display none',
    `-drive if=pflash,format=raw,readonly=on,file=${firmware}`,
    '-drive if=pflash,format=raw,file=vars.fd',
    '-netdev user,id=net0,restrict=on',
    `-device ${guest.card ?? 'virtio-net-pci'},netdev=net0,romfile=`,
    '-device virtio-rng-pci',
    BALLOON,
    '-chardev file,id=console,path=console.log',
    '-serial chardev:console',
    `-qmp unix:${MACHINE_FILES.qmp},server=on,wait=off`,
  ]),
  ...guest.boot,
];

/** A running guest; disposing of it ends it and removes its folder. */
export interface BenchMachine extends AsyncDisposable {
  readonly dir: string;
  readonly console: Console;
  /** Memory in use as the guest's kernel sees it: total less available. */
  readonly memoryUsedMiB: () => Promise<number | undefined>;
}

/** The device by which a guest tells its memory; a flag of QEMU with its value. */
export const BALLOON = '-device virtio-balloon-pci,id=balloon';

/** Returns the memory in use of the guest in a folder, in MiB; undefined when the guest does not tell. */
export async function memoryUsed(dir: string): Promise<number | undefined> {
  const path = '/machine/peripheral/balloon';
  const interval = { path, property: 'guest-stats-polling-interval', value: 1 };
  await qmp(dir, MACHINE_FILES.qmp, 'qom-set', interval);
  const end = Date.now() + STATS_TIMEOUT_MS;
  while (Date.now() < end) {
    await sleep(500);
    const reply = await qmp(dir, MACHINE_FILES.qmp, 'qom-get', { path, property: 'guest-stats' });
    const parsed = v.safeParse(MemoryStats, reply);
    if (!parsed.success || parsed.output['last-update'] === 0) continue;
    const { stats } = parsed.output;
    return Math.round((stats['stat-total-memory'] - stats['stat-available-memory']) / 2 ** 20);
  }
  return undefined;
}

/** Starts a guest. `undo` ends it when the command is interrupted, even during the start. */
export async function startBench(
  guest: BenchGuest,
  undo: AsyncDisposableStack,
): Promise<BenchMachine> {
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-bench-'));
  const emulator = await openEmulator('amd64');
  await copyFile(guest.vars ?? emulator.firmware.vars, path.join(dir, MACHINE_FILES.vars));
  const args = benchArguments(guest, firmwareOf(emulator, guest));
  const started = launchQemu(dir, [...emulator.command, ...args]);
  const stop = async (): Promise<void> => {
    const identity = await started.catch(() => undefined);
    if (identity !== undefined) await terminate(identity);
    await rm(dir, { recursive: true, force: true });
  };
  undo.defer(stop);
  await started;
  const console = new Console(path.join(dir, 'console.log'));
  return {
    dir,
    console,
    memoryUsedMiB: () => memoryUsed(dir),
    [Symbol.asyncDispose]: async () => {
      console[Symbol.dispose]();
      await stop();
    },
  };
}
