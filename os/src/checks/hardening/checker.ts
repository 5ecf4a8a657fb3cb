import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as v from 'valibot';

import { extract, fetchDebian } from '../../build/sources/debian/archive.ts';
import { workstationArch } from '../../workstation/arch.ts';
import type { Progress } from '../../workstation/progress.ts';
import { run } from '../../workstation/run.ts';

const PACKAGE = 'kernel-hardening-checker';
/** Starts the package's program, whose own first line names an interpreter that not every workstation has. */
const START = 'import sys; from kernel_hardening_checker import main; sys.exit(main())';
/** Recommendations that count: the Kernel Self Protection Project's and the kernel's own defaults. */
const DECISIONS = new Set(['defconfig', 'kspp']);

const Checks = v.array(
  v.object({
    option_name: v.string(),
    type: v.picklist(['cmdline', 'kconfig', 'sysctl', 'version']),
    decision: v.string(),
    desired_val: v.string(),
    check_result: v.string(),
    check_result_bool: v.boolean(),
  }),
);

/** The input of the checker: a kernel's configuration, its command line, and init's settings. */
interface Hardening {
  readonly config: string;
  readonly commandLine: string;
  /** Lines like `kernel.panic = 10`. */
  readonly sysctls: string;
}

export interface Check {
  readonly type: string;
  readonly option: string;
  readonly desired: string;
  readonly result: string;
  readonly passed: boolean;
}

/** Parses the checker's JSON and keeps the checks that count. */
export function parseChecks(output: string): Check[] {
  const last = output.trim().split('\n').at(-1) ?? '';
  return v
    .parse(v.pipe(v.string(), v.parseJson(), Checks), last)
    .filter(({ decision }) => DECISIONS.has(decision))
    .map((check) => ({
      type: check.type,
      option: check.option_name,
      desired: check.desired_val,
      result: check.check_result,
      passed: check.check_result_bool,
    }));
}

/** Runs Debian's kernel-hardening-checker. */
export async function checkHardening(hardening: Hardening, progress: Progress): Promise<Check[]> {
  const root = await extract(
    await fetchDebian({
      arch: workstationArch(),
      packages: [PACKAGE],
      archive: 'backports',
      progress,
    }),
  );
  const folder = await mkdtemp(path.join(tmpdir(), 'kios-hardening-'));
  try {
    for (const [name, text] of Object.entries(hardening))
      await writeFile(path.join(folder, name), `${text}\n`);
    const args = ['-c', START, '-m', 'json', '-c', 'config', '-l', 'commandLine', '-s', 'sysctls'];
    const env = { PYTHONPATH: path.join(root, 'usr/lib/python3/dist-packages') };
    return parseChecks(await run('python3', args, { cwd: folder, env }));
  } finally {
    await rm(folder, { recursive: true });
  }
}
