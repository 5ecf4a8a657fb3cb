import { byUrgency } from '../../core/loading/rank.ts';
import type { Loader } from './loader.ts';

/** A driver may reveal new devices; no machine has more nested buses than this. */
const MAX_PASSES = 8;

/**
 * Loads the drivers for `aliases()`, those of the network first. Repeats until a pass loads nothing, because bus
 * drivers reveal more devices meanwhile.
 */
export async function loadDrivers(
  loader: Loader,
  aliases: () => Iterable<string>,
  signal: AbortSignal,
): Promise<void> {
  for (let pass = 0; pass < MAX_PASSES && !signal.aborted; pass++) {
    const loaded = await loader.serve(byUrgency(new Set(aliases())), 'alias');
    if (loaded === 0) return;
  }
}
