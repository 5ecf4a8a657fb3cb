import { readdir, statfs } from 'node:fs/promises';
import path from 'node:path';

import { UpdateError } from '../../core/faults/errors.ts';
import type { BoardMedium, BoardSystem } from '../../core/plan/board-plan.ts';
import { COMMAND_LINE, CONFIG, parseSystem, systemOf, SYSTEMS } from '../../core/slots/board.ts';
import { FLASHED_MODULES } from '../../core/slots/names.ts';
import type { Esp } from './esp.ts';
import { filesIn, isThere, readIf } from './files.ts';

async function systemsOn(esp: Esp): Promise<readonly BoardSystem[]> {
  const systems: BoardSystem[] = [];
  for (const name of await readdir(esp.at(SYSTEMS))) {
    const generation = parseSystem(name);
    if (generation !== undefined)
      systems.push({ generation, files: await filesIn(esp.at(systemOf(generation))) });
  }
  return systems;
}

/** Reads what is on the first partition of a board, without the content of systems. */
export async function readBoardMedium(
  esp: Esp,
  running: number,
  usesModules: boolean,
): Promise<BoardMedium> {
  const { bavail, bsize } = await statfs(esp.at(SYSTEMS));
  const config = await readIf(esp.at(CONFIG));
  if (config === undefined)
    throw new UpdateError('KIOS_UPDATE_SLOTS', `read the medium: it has no ${CONFIG}`);
  return {
    config,
    systems: await systemsOn(esp),
    commandLine: (await readIf(esp.at(path.posix.join(systemOf(running), COMMAND_LINE)))) ?? '',
    hasModules: usesModules || (await isThere(esp.at(FLASHED_MODULES))),
    free: bavail * bsize,
    cluster: bsize,
  };
}
