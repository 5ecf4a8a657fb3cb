import { symlink } from 'node:fs/promises';
import path from 'node:path';

import { ensureGo } from '../../src/build/sources/upstream/go-toolchain.ts';
import { workstationArch } from '../../src/workstation/arch.ts';
import { repository } from '../../src/workstation/paths.ts';
import { silent } from '../../src/workstation/progress.ts';
import { buildWorkspaces } from '../../src/workstation/turbo.ts';

/** Builds init, and links it into a folder under one of its other names; returns that path. */
export async function buildInit(dir: string, name: string): Promise<string> {
  const go = await ensureGo(silent);
  await buildWorkspaces(['@kios/init'], {
    env: { PATH: `${path.dirname(go)}:${process.env['PATH'] ?? ''}` },
  });
  const command = path.join(dir, name);
  await symlink(path.join(repository, 'init/dist', workstationArch(), 'init'), command);
  return command;
}
