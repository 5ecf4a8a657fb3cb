import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

import { resultOf, call } from '../call.ts';
import { familyOf } from '../netlink.ts';
import { CRASH, create, elf64, runFrom } from '../tiny-program.ts';
import { HOST, type Probes, SCRATCH } from './probe.ts';

/** A program in a folder that the host may execute from, and the file it makes; paths are the host's. */
const PROGRAM = '/var/lib/kubelet/kios-probe';
const MARK = '/run/kios-probe';

/**
 * Names our program in a kernel setting and says whether the kernel then runs it as root on the host: the usual way out
 * of a container. The trigger returns after the kernel has waited for the program.
 */
function helperRuns(setting: string, value: string, trigger: () => unknown): string {
  writeFileSync(HOST + PROGRAM, elf64(create(MARK)), { mode: 0o755 });
  const before = readFileSync(setting, 'utf8');
  try {
    writeFileSync(setting, value);
    trigger();
    return existsSync(HOST + MARK) ? 'ran' : 'not run';
  } finally {
    writeFileSync(setting, before); // A lone line end empties the setting.
    for (const file of [PROGRAM, MARK]) rmSync(HOST + file, { force: true });
  }
}

/** A mount point of the host that is empty. */
const TARGET = '/boot';

/** Has init's `mount` or `umount` run with these words when a program crashes. */
function crashWith(words: string): void {
  const setting = '/proc/sys/kernel/core_pattern';
  const before = readFileSync(setting, 'utf8');
  try {
    writeFileSync(setting, `|/bin/${words}`);
    runFrom(SCRATCH, elf64(CRASH));
  } finally {
    writeFileSync(setting, before);
  }
}

/** The kernel's program is init, and whoever writes a setting chooses the name that it is called by. */
function mountByCrash(): string {
  crashWith(`mount -t tmpfs kios-probe ${TARGET}`);
  if (!readFileSync('/proc/1/mounts', 'utf8').includes(`kios-probe ${TARGET} `)) return 'not run';
  crashWith(`umount ${TARGET}`);
  return 'ran';
}

export const HELPERS: Probes = {
  'helper-by-name': mountByCrash,
  'module-unlisted': () => void familyOf('nbd'),
  'core-pattern': () =>
    helperRuns('/proc/sys/kernel/core_pattern', `|${PROGRAM}`, () =>
      runFrom(SCRATCH, elf64(CRASH)),
    ),
  'modprobe-path': () =>
    helperRuns('/proc/sys/kernel/modprobe', PROGRAM, () =>
      resultOf(() => {
        call('mount', 'none', SCRATCH, 'kiosfs', 0, null);
      }),
    ),
};
