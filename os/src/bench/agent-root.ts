import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { type Entry, sizeOf, Tree } from '../build/formats/tree.ts';
import { agentLayer, baseLayer, bunLayer, fetchParts } from '../build/image/runtime.ts';
import { workstationArch } from '../workstation/arch.ts';
import { repository } from '../workstation/paths.ts';
import type { Progress } from '../workstation/progress.ts';
import { run } from '../workstation/run.ts';
import { buildWorkspaces } from '../workstation/turbo.ts';

async function writeEntry(where: string, entry: Entry): Promise<void> {
  if (entry.type === 'directory') await mkdir(where, { recursive: true });
  else if (entry.type === 'symlink') await symlink(entry.target, where);
  else if ('bytes' in entry.content)
    await writeFile(where, entry.content.bytes, { mode: entry.mode });
  else {
    await copyFile(entry.content.file, where);
    await run('chmod', [entry.mode.toString(8), where]);
  }
}

/** Writes the files of a tree into `folder` and returns their size in bytes. */
export async function writeTree(tree: Tree, folder: string): Promise<number> {
  let size = 0;
  for (const [where, entry] of tree.sorted()) {
    await writeEntry(path.join(folder, where), entry);
    if (entry.type === 'file') size += await sizeOf(entry.content);
  }
  return size;
}

/** Writes the file system of an agent's image into `folder` and returns its size in bytes. */
export async function writeAgentRoot(
  agent: string,
  folder: string,
  progress: Progress,
): Promise<number> {
  await progress.task(`build ${agent}`, () => buildWorkspaces([`@kios/${agent}`]));
  const parts = await fetchParts(workstationArch(), progress);
  const bundle = path.join(repository, 'agents', agent, 'dist/agent.cjs');
  const tree = new Tree();
  for (const layer of [
    await baseLayer(parts),
    bunLayer(parts),
    await agentLayer(bundle, parts.bun),
  ])
    tree.graft('/', layer);
  return writeTree(tree, folder);
}
