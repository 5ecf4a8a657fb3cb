import { existsSync } from 'node:fs';
import path from 'node:path';

import { writeAtomic } from '@kios/agent';
import { formatState, readStateIfThere, TimeState } from '@kios/node-state';

import { isNews } from '../../core/clock/clock.ts';
import { formatMetrics } from '../../core/clock/metrics.ts';

const METRICS = 'clock.prom';

export interface PublishArgs {
  /** The state file. */
  readonly state: string;
  /** Folder of files in Prometheus' text format; one that is missing gets none. */
  readonly metricsDir: string;
}

/** Returns the epoch that an earlier run published in this boot. */
export async function readEpoch({ state }: Pick<PublishArgs, 'state'>): Promise<number> {
  const before = await readStateIfThere(TimeState, state).catch(() => undefined);
  return before?.epoch ?? 0;
}

/** Publishes the state of the clock: to waiting programs whenever they would act on it, and to a collector always. */
export class PublishClock {
  readonly #args: PublishArgs;
  #published: TimeState | undefined;

  constructor(args: PublishArgs) {
    this.#args = args;
  }

  async publish(clock: TimeState): Promise<void> {
    const { state, metricsDir } = this.#args;
    if (isNews(this.#published, clock)) {
      await writeAtomic(state, formatState(TimeState, clock));
      this.#published = clock;
    }
    // A collector that misses one value takes the next one.
    if (existsSync(metricsDir))
      await writeAtomic(path.join(metricsDir, METRICS), formatMetrics(clock)).catch(
        () => undefined,
      );
  }
}
