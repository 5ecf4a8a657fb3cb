import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

import { resultOf, call } from '../call.ts';
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

export const HELPERS: Probes = {
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
