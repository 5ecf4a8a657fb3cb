import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import { replace } from '../../build/image/artefacts.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { sha256 } from '../../workstation/digest.ts';
import { lockOutput } from '../../workstation/folder-lock.ts';
import { distRoot, repository } from '../../workstation/paths.ts';
import { run } from '../../workstation/run.ts';
import { formatTable } from '../../workstation/terminal/table.ts';
import { drawPlot } from '../plot/svg.ts';
import { cardsSeries } from './cards.ts';
import { densitySeries } from './density.ts';
import { idleSeries } from './idle.ts';
import { imagesSeries } from './images.ts';
import { memorySeries } from './memory.ts';
import { modulesSeries } from './modules.ts';
import { podsSeries } from './pods.ts';
import { openRig, type Rig } from './rig.ts';
import { Run } from './runs.ts';
import {
  type Found,
  mergeSamples,
  plotOf,
  rowsOf,
  type Sample,
  type Series,
  SERIES_NAMES,
  type SeriesName,
} from './series.ts';

interface GrowthOptions {
  readonly json: boolean;
  /** Default: all. */
  readonly series?: readonly SeriesName[];
  /** How long the idle node is watched. */
  readonly minutes: number;
  /** Measure again what an earlier run of the same sources has measured. */
  readonly afresh: boolean;
}

const RESULTS = path.join('bench', 'results');

const OPEN: Readonly<Record<SeriesName, (rig: Rig, minutes: number) => Series>> = {
  memory: memorySeries,
  cards: cardsSeries,
  pods: podsSeries,
  modules: modulesSeries,
  images: imagesSeries,
  density: densitySeries,
  idle: idleSeries,
};

/** What is measured: a commit, perhaps with changes. */
interface Sources {
  readonly commit: string;
  /** Differs with each change of the sources. */
  readonly id: string;
}

const git = (...args: string[]): Promise<string> => run('git', args, { cwd: repository });

/** Returns what this checkout is of; results do not count as a change. */
async function readSources(): Promise<Sources> {
  const elsewhere = ['--', '.', `:(exclude)${RESULTS}`];
  const commit = (await git('rev-parse', 'HEAD')).trim();
  const changes = await git('status', '--porcelain', ...elsewhere);
  if (changes.trim() === '') return { commit, id: commit };
  const diff = await git('diff', 'HEAD', ...elsewhere);
  return { commit: `${commit} with changes`, id: sha256(JSON.stringify([commit, changes, diff])) };
}

/** The content of a series' file in bench/results. */
interface SeriesResult {
  readonly series: SeriesName;
  readonly title: string;
  readonly date: string;
  readonly commit: string;
  readonly samples: readonly Sample[];
  readonly details?: Readonly<Record<string, unknown>>;
}

function resultOf(name: SeriesName, series: Series, found: readonly Found[], commit: string) {
  const details = Object.fromEntries(found.flatMap((one) => Object.entries(one.details ?? {})));
  const result: SeriesResult = {
    series: name,
    title: series.view.title,
    date: new Date().toISOString().slice(0, 10),
    commit,
    samples: mergeSamples(found.flatMap(({ samples }) => samples)),
    ...(Object.keys(details).length === 0 ? {} : { details }),
  };
  return result;
} // prettier-ignore

/** Writes the values and the plot of a series. */
async function writeResult(result: SeriesResult, { view }: Series): Promise<void> {
  const folder = path.join(repository, RESULTS);
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, result.series);
  const caption = `${result.date}, commit ${result.commit.replace(/[0-9a-f]{28}(?=$| )/, '')}`;
  await replace(`${file}.json`, `${JSON.stringify(result, null, 2)}\n`);
  await replace(`${file}.svg`, drawPlot(plotOf(view, result.samples, caption)));
}

/** Measures the steps of a series that are missing, and returns what all of them found. */
async function measureSteps(
  { progress, signal }: CommandContext,
  name: SeriesName,
  { steps }: Series,
  known: Run,
): Promise<Found[]> {
  for (const [index, { key, measure }] of steps.entries()) {
    const title = `${name}: ${key} (${index + 1} of ${steps.length})`;
    if (known.has(key)) {
      progress.info(`${title}: measured before`);
      continue;
    }
    signal.throwIfAborted();
    await known.keep(key, await progress.task(title, measure));
  }
  return known.found(steps.map(({ key }) => key));
}

/** `kios bench growth`. */
export async function benchGrowth(context: CommandContext, options: GrowthOptions): Promise<void> {
  const { progress, print } = context;
  const { json, series: names = SERIES_NAMES, minutes, afresh } = options;
  const folder = path.join(distRoot, 'bench-growth');
  await mkdir(folder, { recursive: true });
  using _ = await lockOutput(folder, progress);
  const { commit, id } = await readSources();
  const rig = openRig(context);
  const results: SeriesResult[] = [];
  for (const name of names) {
    const series = OPEN[name](rig, minutes);
    const known = await Run.open(path.join(folder, `${name}.json`), id, afresh);
    const found = await measureSteps(context, name, series, known);
    const result = resultOf(name, series, found, commit);
    await writeResult(result, series);
    results.push(result);
    if (json) continue;
    print(series.view.title);
    for (const rows of [rowsOf(series.view, result.samples), ...found.map((one) => one.rows ?? [])])
      for (const line of formatTable(rows)) print(line);
    print(`Written to ${path.join(RESULTS, name)}.json and .svg.`);
    print('');
  }
  if (json) print(JSON.stringify(results));
}
