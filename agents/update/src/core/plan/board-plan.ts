import { type BoardChoice, parseChoice, SECTOR, withChoice } from '@kios/host-api/board-slots';

import type { Refusal } from '../faults/errors.ts';
import {
  COMMAND_LINE,
  CONFIG,
  INITRAMFS,
  KERNEL,
  MODULES,
  systemOf,
  withWordsOf,
} from '../slots/board.ts';
import { LAST_GENERATION } from '../slots/names.ts';
import { type Content, fullness, type Op, type Plan, refuse, type Sized } from './plan.ts';

/** A system on the medium. */
export interface BoardSystem {
  readonly generation: number;
  readonly files: readonly Sized[];
}

/** What is on the first partition of a board. */
export interface BoardMedium {
  /** The loader's settings, a byte for each character. */
  readonly config: string;
  readonly systems: readonly BoardSystem[];
  /** The kernel command line of the running system. */
  readonly commandLine: string;
  /** The machine has a modules.erofs, wherever the one of the flashed system lies. */
  readonly hasModules: boolean;
  readonly free: number;
  readonly cluster: number;
}

/** The system that is to be written. */
export interface BoardWish {
  readonly version: string;
  /** Its files but the kernel command line, by their names in the folder of the system. */
  readonly parts: ReadonlyMap<string, Content>;
  readonly commandLine: string;
  readonly modules: Content | undefined;
}

const hasFile = ({ files }: BoardSystem, wanted: string): boolean =>
  files.some(({ name }) => name.toLowerCase() === wanted);

const isWhole = (system: BoardSystem): boolean =>
  hasFile(system, KERNEL) && hasFile(system, INITRAMFS);

/** Returns what the settings say, or why nothing may be changed on a medium, whatever is wished. */
function soundChoice({ config, systems }: BoardMedium, running: number): BoardChoice | Refusal {
  const choice = parseChoice(config);
  if (choice === undefined)
    return refuse(`${CONFIG} does not say, in its first ${SECTOR} bytes, which system starts`);
  if (choice.good !== running) return refuse(`the running generation ${running} is on trial`);
  if (!systems.some((system) => system.generation === running && isWhole(system)))
    return refuse(`files of the running generation ${running} are missing`);
  return choice;
}

/** Writes another choice into the one sector of the settings that has it, and reads all of them back. */
function chooseOps(config: string, choice: BoardChoice): readonly Op[] {
  const text = withChoice(config, choice);
  return [
    { tag: 'overwrite', path: CONFIG, text: text.slice(0, SECTOR) },
    { tag: 'remount' },
    { tag: 'verify', path: CONFIG, content: text },
  ];
}

/** Makes the running system the only one that is named, so that others can go. */
const settleOps = ({ config }: BoardMedium, choice: BoardChoice, running: number): readonly Op[] =>
  choice.next === running && choice.trial === 0
    ? []
    : chooseOps(config, { next: running, good: running, trial: 0 });

const removeOps = ({ generation, files }: BoardSystem): readonly Op[] => [
  ...files.map(({ name }) => ({ tag: 'remove', path: `${systemOf(generation)}/${name}` }) as const),
  { tag: 'removeFolder', path: systemOf(generation) },
];

/** Whether the drivers of the machine may come from modules.erofs, of which each system needs its own. */
const needsModules = ({ hasModules, systems }: BoardMedium, running: number): boolean =>
  hasModules || systems.some((system) => system.generation === running && hasFile(system, MODULES));

/** Returns the steps that bring a system onto the medium of a board, to be started next, or why there are none. */
export function planBoardStage(
  medium: BoardMedium,
  running: number,
  /** The highest generation that anybody has spoken of. */
  highest: number,
  wish: BoardWish,
): Plan | Refusal {
  const choice = soundChoice(medium, running);
  if ('code' in choice) return choice;
  const isNeeded = needsModules(medium, running);
  if (isNeeded && wish.modules === undefined)
    return {
      code: 'KIOS_UPDATE_MODULES',
      message: `stage kiOS ${wish.version}: this machine has a modules.erofs, and the image has none for it`,
    };
  const others = medium.systems.filter((system) => system.generation !== running);
  const parts = new Map(wish.parts);
  if (isNeeded && wish.modules !== undefined) parts.set(MODULES, wish.modules);
  const old = others.flatMap(({ files }) => files);
  const full = fullness(medium, old, [...parts.values()]);
  if (full !== undefined) return full;
  const known = [running, highest, choice.trial, ...others.map(({ generation }) => generation)];
  const generation = Math.max(...known) + 1;
  if (generation > LAST_GENERATION) return refuse(`generation ${LAST_GENERATION} was the last one`);
  const folder = systemOf(generation);
  const files = [...parts].map(([name, content]) => ({ path: `${folder}/${name}`, content }));
  const line = `${folder}/${COMMAND_LINE}`;
  const text = withWordsOf(medium.commandLine, wish.commandLine);
  const ops: Op[] = [
    ...settleOps(medium, choice, running),
    ...others.flatMap(removeOps),
    { tag: 'makeFolder', path: folder },
    { tag: 'draft', path: line, text },
    ...files.map((file) => ({ tag: 'copy', ...file }) as const),
    { tag: 'remount' },
    { tag: 'verify', path: line, content: text },
    ...files.map((file) => ({ tag: 'verify', ...file }) as const),
    ...chooseOps(medium.config, { next: generation, good: running, trial: generation }),
  ];
  return { generation, ops };
}

/** Returns the steps that take back what is staged, or whose trial has failed. */
export function planBoardUnstage(medium: BoardMedium, running: number): Plan | Refusal {
  const choice = soundChoice(medium, running);
  if ('code' in choice) return choice;
  const staged = medium.systems.filter(
    ({ generation }) => generation !== running && generation === choice.trial,
  );
  return {
    generation: undefined,
    ops: [...settleOps(medium, choice, running), ...staged.flatMap(removeOps)],
  };
}

/** Returns the generation that the next boot tries; undefined when it is the running one's turn again. */
export function stagedOnBoard(medium: BoardMedium, running: number): number | undefined {
  const choice = soundChoice(medium, running);
  if ('code' in choice || choice.next !== choice.trial || choice.next === running) return undefined;
  const staged = medium.systems.find(({ generation }) => generation === choice.next);
  if (staged === undefined || !isWhole(staged)) return undefined;
  return needsModules(medium, running) && !hasFile(staged, MODULES) ? undefined : choice.next;
}
