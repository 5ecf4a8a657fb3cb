import { moduleTrees } from '../build/kernel/module-trees.ts';
import type { CommandContext } from '../workstation/command-context.ts';
import { ensurePackages } from '../workstation/packages.ts';
import { formatTable } from '../workstation/terminal/table.ts';
import { tenths } from './median.ts';
import { type CardResult, measureBoots, type StartResult } from './module-boots.ts';
import { measureResolvers, openResolvers, type ResolveResult } from './module-resolvers.ts';

/** Output of `bench modules --json`. */
interface ModulesResult {
  readonly resolve: readonly ResolveResult[];
  /** Not with `--no-boot`. */
  readonly cards?: readonly CardResult[];
  readonly start?: StartResult;
}

/** A card whose driver is a module has its lease at most so many seconds after one whose driver is built in. */
const LATER_SECONDS = 0.3;
const RESIDENT_KIB = 40 * 1024;

interface ModulesOptions {
  readonly json: boolean;
  readonly rounds: number;
  readonly boot: boolean;
}

function cardRows(cards: readonly CardResult[]): string[][] {
  const [first] = cards;
  return cards.map(({ card, carrierSeconds, leaseSeconds }) => {
    const later = leaseSeconds - (first?.leaseSeconds ?? Number.NaN);
    const verdict = later > LATER_SECONDS ? `goal ${LATER_SECONDS}` : '';
    return [card, carrierSeconds.toFixed(2), leaseSeconds.toFixed(2), later.toFixed(2), verdict];
  });
}

function report({ resolve, cards, start }: ModulesResult, print: (line: string) => void): void {
  const printTable = (rows: readonly (readonly string[])[]): void => {
    for (const line of formatTable(rows.map((row) => [...row]))) print(line);
    print('');
  };
  printTable([
    ['kernel', 'names', 'program', 'one, ms', 'all, ms', 'µs a name'],
    ...resolve.map(({ kernel, names, program, oneMs, allMs }) => {
      const each = tenths(((allMs - oneMs) / names) * 1000);
      return [kernel, String(names), program, String(oneMs), String(allMs), String(each)];
    }),
  ]);
  if (cards !== undefined)
    printTable([['card', 'carrier, s', 'lease, s', 'later', ''], ...cardRows(cards)]);
  if (start === undefined) return;
  const isOver = start.residentKiB > RESIDENT_KIB;
  printTable([
    ['the module loader', 'measured', ''],
    ...Object.entries(start).map(([name, value]) => [
      name,
      String(value),
      name === 'residentKiB' && isOver ? `goal ${RESIDENT_KIB}` : '',
    ]),
  ]);
}

/** `kios bench modules`. */
export async function benchModules(
  context: CommandContext,
  { json, rounds, boot }: ModulesOptions,
): Promise<void> {
  await ensurePackages(['build', ...(boot ? ['machine' as const] : [])], context.progress);
  const resolve: ResolveResult[] = [];
  const resolvers = await openResolvers(context);
  for (const tree of await moduleTrees(context.progress))
    resolve.push(...(await measureResolvers(resolvers, tree, rounds, context)));
  const result: ModulesResult = { resolve, ...(boot ? await measureBoots(context) : {}) };
  if (json) context.print(JSON.stringify(result));
  else report(result, context.print);
}
