import { formatDuration } from '../workstation/terminal/duration.ts';
import type { Results } from './results.ts';
import { notRun, type Outcome } from './specs.ts';
import { runInStreams } from './streams.ts';

/** Specs in one run of the program: what an interruption loses. */
const BATCH = 4;
/**
 * So many batches in a row of which nothing was run end a run: the cluster is gone, and each further batch would wait
 * for it. One alone may be a spec that ends the program.
 */
const MOST_IDLE = 2;

/** Runs specs, tells how far it is, and keeps what came of each batch. */
export async function runSpecs(
  names: readonly string[],
  {
    parallel,
    results,
    note,
    run,
  }: {
    readonly parallel: number;
    readonly results: Pick<Results, 'add'>;
    readonly note: (detail: string) => void;
    readonly run: (names: readonly string[]) => Promise<Outcome[]>;
  },
): Promise<void> {
  const start = Date.now();
  let [done, failed, idle] = [0, 0, 0];
  await runInStreams(names, { streams: parallel, batch: BATCH }, async (batch) => {
    const took = formatDuration(Date.now() - start);
    note(`${done} of ${names.length}, ${failed} failed, ${took}: ${batch[0]}`);
    const isGone = idle >= MOST_IDLE;
    const outcomes = isGone
      ? batch.map((name) => notRun(name, 'nothing of the batches before it was run either'))
      : await run(batch);
    idle = outcomes.every((outcome) => outcome.notRun === true) ? idle + 1 : 0;
    done += batch.length;
    failed += outcomes.filter(({ state }) => state === 'failed').length;
    await results.add(outcomes);
  });
}
