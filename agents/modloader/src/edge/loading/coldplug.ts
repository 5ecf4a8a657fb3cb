import { byUrgency } from '../../core/loading/rank.ts';
import type { Loader } from './loader.ts';

/** A driver's probe makes new devices; more levels of buses than this no machine has. */
const MAX_PASSES = 8;

/**
 * Loads the drivers of the devices `aliases` answers, the network's first, again until a pass loads nothing: buses find their
 * children while we walk.
 */
export async function coldplug(
  loader: Loader,
  aliases: () => Iterable<string>,
  signal: AbortSignal,
): Promise<void> {
  for (let pass = 0; pass < MAX_PASSES && !signal.aborted; pass++) {
    const loaded = await loader.serve(byUrgency(new Set(aliases())), 'alias');
    if (loaded === 0) return;
  }
}
