import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { execa } from 'execa';

import { openKernel } from '../../../src/build/kernel/open-kernel.ts';
import { openToolroot, openTools } from '../../../src/build/sources/debian/toolroot.ts';
import { openEmulator } from '../../../src/lab/qemu/emulator.ts';
import { splitFlags } from '../../../src/lab/qemu/flags.ts';
import { machineFlags } from '../../../src/lab/qemu/platform.ts';
import { workstationArch } from '../../../src/workstation/arch.ts';
import type { Progress } from '../../../src/workstation/progress.ts';
import { EXIT_LINE, type Job } from './job.ts';

const SHARER = ['virtiofsd', 'libc6', 'libcap-ng0', 'libgcc-s1', 'libseccomp2'];
const START_MS = 10_000;
const MEMORY = '1G';

export interface GuestResult {
  readonly exitCode: number;
  readonly output: string;
  /** Content of the job's result file; "" if there is none. */
  readonly result: string;
}

interface GuestOptions {
  /** Further arguments of QEMU. */
  readonly devices?: readonly string[];
  /** The network namespace that QEMU runs in. */
  readonly netns?: string;
}

/** Serves the workstation's files, which the guest can read alone. The caller stops it. */
async function shareFiles(socket: string, progress: Progress): Promise<AsyncDisposable> {
  const tools = await openTools<'usr/libexec/virtiofsd'>(SHARER, progress);
  const [ld = '', ...args] = tools.command('usr/libexec/virtiofsd');
  const flags = splitFlags([
    '--shared-dir=/',
    '--readonly',
    '--sandbox=none',
    '--cache=always',
    '--no-announce-submounts',
  ]);
  const child = spawn(ld, [...args, `--socket-path=${socket}`, ...flags, '--log-level=error'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const ended = once(child, 'exit');
  const listening = async (): Promise<void> => {
    const deadline = Date.now() + START_MS;
    while (Date.now() < deadline && child.exitCode === null) {
      const lines = (await readFile('/proc/net/unix', 'utf8')).split('\n');
      if (lines.some((line) => line.endsWith(` ${socket}`))) return;
      await sleep(20);
    }
    throw new Error(`virtiofsd does not listen (exit code ${child.exitCode})`);
  };
  await listening();
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await ended;
    },
  };
}

/**
 * Runs a command as root on the node's own kernel: in a guest that sees the workstation's files, changes none of them,
 * and has no network but that of its devices. It shows what the workstation's kernel may lack, such as bonds and VLANs,
 * and has a clock of its own.
 */
export async function runInGuest(
  job: Job,
  deadlineMs: number,
  progress: Progress,
  { devices = [], netns }: GuestOptions = {},
): Promise<GuestResult> {
  const arch = workstationArch();
  const emulator = await openEmulator(arch, progress);
  const kernel = await openKernel('kios', arch, await openToolroot(progress), progress);
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-guest-'));
  try {
    const jobFile = path.join(dir, 'job.json');
    const resultFile = path.join(dir, 'result');
    const socket = path.join(dir, 'files.sock');
    await writeFile(jobFile, JSON.stringify(job));
    await using files = await shareFiles(socket, progress);
    void files;
    const wrapper = netns === undefined ? [] : ['ip', 'netns', 'exec', netns];
    const [qemu = '', ...flags] = [...wrapper, ...emulator.command];
    const init = [path.join(import.meta.dirname, 'guest-init.ts'), jobFile];
    const { all } = await execa(
      qemu,
      [
        ...flags,
        ...splitFlags([
          ...machineFlags(arch),
          '-accel tcg',
          '-smp 2',
          `-m ${MEMORY}`,
          `-object memory-backend-memfd,id=ram,size=${MEMORY},share=on`,
          '-numa node,memdev=ram',
          `-chardev socket,id=files,path=${socket}`,
          '-device vhost-user-fs-pci,chardev=files,tag=files',
          '-nodefaults',
          '-display none',
          '-no-reboot',
          '-serial stdio',
          `-serial file:${resultFile}`,
          `-kernel ${kernel.image}`,
        ]),
        ...devices,
        '-append',
        // Process 1 ends when it is done. The kernel then restarts, which ends QEMU.
        [
          `console=ttyS0 loglevel=1 panic=-1 root=files rootfstype=virtiofs ro init=${process.execPath}`,
          '--',
          ...init,
        ].join(' '),
      ],
      { all: true, reject: false, stdin: 'ignore', timeout: deadlineMs },
    );
    const output = all.replaceAll('\r', '');
    const exitCode = Number(new RegExp(`${EXIT_LINE}(\\d+)$`, 'm').exec(output)?.[1] ?? -1);
    const result = await readFile(resultFile, 'utf8').catch(() => '');
    return { exitCode, output, result: result.trim() };
  } finally {
    await rm(dir, { recursive: true });
  }
}
