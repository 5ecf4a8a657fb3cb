import { copyFile } from 'node:fs/promises';
import path from 'node:path';

import { buildEnvironment } from '../../../src/build/sources/upstream/build.ts';
import { ensureGo } from '../../../src/build/sources/upstream/go-toolchain.ts';
import { workstationArch } from '../../../src/workstation/arch.ts';
import { repository } from '../../../src/workstation/paths.ts';
import { silent } from '../../../src/workstation/progress.ts';
import { run } from '../../../src/workstation/run.ts';

/** The module that the node's kubelet is built from. */
const MODULE = path.join(repository, 'os/upstream/kubernetes');
const OWN = ['main.go', 'types.go', 'flags.go'] as const;

/** Builds the program in a folder, with the settings of kubelet's own build, and returns what it prints. */
export async function printKubeletFields(dir: string): Promise<string> {
  const go = await ensureGo(silent);
  for (const name of ['go.mod', 'go.sum'])
    await copyFile(path.join(MODULE, name), path.join(dir, name));
  for (const name of OWN) await copyFile(path.join(import.meta.dirname, name), path.join(dir, name));
  const program = path.join(dir, 'kubelet-fields');
  await run(go, ['build', '-mod=readonly', '-trimpath', '-o', program, '.'], {
    cwd: dir,
    env: buildEnvironment(workstationArch(), undefined),
  });
  return run(program, []);
}
