import type { CommandModule } from 'yargs';

import { SERIES_NAMES, type SeriesName } from '../../bench/growth/series.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { usageError } from '../../workstation/usage-error.ts';
import { jsonOption } from './json-option.ts';

interface GrowthArgs {
  json: boolean;
  series: string | undefined;
  minutes: number;
  afresh: boolean;
}

const isSeries = (name: string): name is SeriesName => SERIES_NAMES.some((known) => known === name);

/** Reads names of series, separated by commas, in the order in which they are measured. */
export function readSeries(list: string): SeriesName[] {
  const names = list.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !isSeries(name));
  if (wrong !== undefined)
    throw usageError(
      `use --series ${list}: there is no series ${JSON.stringify(wrong)}`,
      `Name some of ${SERIES_NAMES.join(', ')}, separated by commas.`,
    );
  return SERIES_NAMES.filter((name) => names.includes(name));
}

function readMinutes(minutes: number): number {
  if (Number.isFinite(minutes) && minutes >= 1) return minutes;
  throw usageError(
    `use --minutes ${minutes}: the idle node is watched for a minute or longer`,
    'Give a number of minutes.',
  );
}

export const growthBench = (context: CommandContext): CommandModule<unknown, GrowthArgs> => ({
  command: 'growth',
  describe: 'Measure how costs grow, and write values and plots to bench/results',
  builder: (args) =>
    args
      .option('json', jsonOption)
      .option('series', {
        type: 'string',
        describe: `Series to measure, separated by commas: ${SERIES_NAMES.join(', ')}; without it all`,
      })
      .option('minutes', {
        type: 'number',
        default: 60,
        describe: 'How long the idle node is watched; a day is extrapolated from it',
      })
      .option('afresh', {
        type: 'boolean',
        default: false,
        describe: 'Measure again what an earlier run of the same sources has measured',
      })
      .check(({ series, minutes }) => {
        if (series !== undefined) readSeries(series);
        return readMinutes(minutes) > 0;
      })
      .example('$0 bench growth', 'Measure all; a run that was interrupted goes on where it stopped')
      .example('$0 bench growth --series pods,memory', 'Measure boots with many static pods, and with much memory')
      .example('$0 bench growth --series idle --minutes 10 --afresh', 'Try the idle node for a shorter time'),
  handler: async ({ json, series, minutes, afresh }) => {
    const { benchGrowth } = await import('../../bench/growth/growth.ts');
    const chosen = series === undefined ? {} : { series: readSeries(series) };
    await benchGrowth(context, { json, ...chosen, minutes, afresh });
  },
}); // prettier-ignore
