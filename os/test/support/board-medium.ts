import { stat } from 'node:fs/promises';

import {
  type BoardChoice,
  parseChoice,
  systemPrefix,
  withChoice,
} from '@kios/host-api/board-slots';

import { PI_FILES } from '../../src/build/image/boot-file.ts';
import { openToolroot } from '../../src/build/sources/debian/toolroot.ts';
import type { Machine } from '../../src/lab/qemu/machine.ts';
import { Partition } from '../../src/media/configure/partition.ts';
import { silent } from '../../src/workstation/progress.ts';

const openMedium = async (machine: Machine): Promise<Partition> =>
  Partition.open(machine.file('disk'), await openToolroot(silent));

const readConfig = async (medium: Partition): Promise<string> =>
  (await medium.read(PI_FILES.config)).toString('latin1');

/** Returns what the card of a machine that is off says of its systems. */
export async function choiceOn(machine: Machine): Promise<BoardChoice | undefined> {
  await using medium = await openMedium(machine);
  return parseChoice(await readConfig(medium));
}

/** Names systems on the card of a machine that is off, as a person or an update does. */
export async function choose(machine: Machine, choice: BoardChoice): Promise<void> {
  await using medium = await openMedium(machine);
  await medium.write(PI_FILES.config, Buffer.from(withChoice(await readConfig(medium), choice)));
}

/** Stages the files of one system of a machine that is off as another one, on trial, with words for its kernel. */
export async function stageCopy(
  machine: Machine,
  from: number,
  to: number,
  words = '',
): Promise<void> {
  await using medium = await openMedium(machine);
  const names = (await medium.list()).filter((name) => name.startsWith(systemPrefix(from)));
  const folder = systemPrefix(to).slice(0, -1);
  if (!(await medium.folders()).includes(folder)) await medium.makeFolder(folder);
  for (const name of names) {
    const target = name.replace(systemPrefix(from), systemPrefix(to));
    const file = await medium.copy(name);
    await medium.write(target, { file, bytes: (await stat(file)).size });
  }
  const line = `${systemPrefix(to)}${PI_FILES.commandLine}`;
  const text = (await medium.read(line)).toString('utf8').trim();
  await medium.write(line, Buffer.from(`${text} ${words}`.trimEnd().concat('\n')));
  const config = await readConfig(medium);
  await medium.write(
    PI_FILES.config,
    Buffer.from(withChoice(config, { next: to, good: from, trial: to })),
  );
}
