import type { Device } from '../../core/devices/device.ts';
import { byUrgency } from '../../core/loading/rank.ts';
import type { Loader } from './loader.ts';

/** A driver may reveal new devices; no machine has more nested buses than this. */
export const MAX_PASSES = 8;

/** Returns what all devices are, each kind once. */
async function aliasesOf(devices: AsyncIterable<Device>): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const { aliases } of devices) for (const alias of aliases) found.add(alias);
  return found;
}

/**
 * Loads the drivers for `devices()` whose aliases are due, those of the network first. Repeats until a pass loads
 * nothing, because bus drivers reveal more devices meanwhile. Returns whether it loaded something.
 */
export async function loadDrivers(
  loader: Loader,
  devices: () => AsyncIterable<Device>,
  signal: AbortSignal,
  isDue: (alias: string) => boolean = () => true,
): Promise<boolean> {
  let pass = 0;
  for (; pass < MAX_PASSES && !signal.aborted; pass++) {
    const due = [...(await aliasesOf(devices()))].filter(isDue);
    if ((await loader.serve(byUrgency(due), 'alias')) === 0) break;
  }
  return pass > 0;
}
