import { readFile } from 'node:fs/promises';

import type { BuiltKernel } from '../../build/kernel/build.ts';
import { commandLine } from '../../build/kernel/command-line.ts';
import type { Arch } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { type Check, checkHardening } from './checker.ts';
import { formatSettings, readSettings } from './settings.ts';

/** Checks a built kernel as nodes run it: with the image's command line and init's settings. */
export async function checkKernel(
  arch: Arch,
  { config }: Pick<BuiltKernel, 'config'>,
  progress: Progress,
): Promise<Check[]> {
  return checkHardening(
    {
      config: await readFile(config, 'utf8'),
      commandLine: commandLine(arch),
      sysctls: formatSettings(await readSettings()),
    },
    progress,
  );
}
