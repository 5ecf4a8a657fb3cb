import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { UpdateError } from '../../core/faults/errors.ts';
import type { BuildRecord } from '../../core/image/build-record.ts';
import { modulesIn } from '../../core/image/contents.ts';
import type { BoardWish } from '../../core/plan/board-plan.ts';
import type { Content } from '../../core/plan/plan.ts';
import { COMMAND_LINE, INITRAMFS, KERNEL } from '../../core/slots/board.ts';
import { checkFile } from './host.ts';

function contentsOf(record: BuildRecord, board: string): ReadonlyMap<string, Content> {
  const files = Object.entries(record.boards?.[board] ?? {});
  return new Map(
    files.map(([name, { sha256: digest, bytes: size, offset }]) => {
      const from = offset === undefined ? `${board}/${name}` : 'kios.efi';
      return [name, { from, digest, size, ...(offset === undefined ? {} : { offset }) }] as const;
    }),
  );
}

/** Reads what a board starts of the mounted system. Fails unless all of it is there and is what its record says. */
export async function readBoardWish(
  folder: string,
  record: BuildRecord,
  board: string,
  signal: AbortSignal,
): Promise<BoardWish> {
  const contents = contentsOf(record, board);
  for (const name of [KERNEL, INITRAMFS, COMMAND_LINE])
    if (!contents.has(name))
      throw new UpdateError('KIOS_UPDATE_IMAGE', `use ${folder}: ${name} of ${board} is missing`);
  const modules = modulesIn(record);
  const all = [...contents.values(), ...(modules === undefined ? [] : [modules])];
  for (const content of all) await checkFile(folder, content, signal);
  const commandLine = await readFile(path.join(folder, board, COMMAND_LINE), 'latin1');
  const parts = new Map([...contents].filter(([name]) => name !== COMMAND_LINE));
  return { version: record.version, parts, commandLine, modules };
}
