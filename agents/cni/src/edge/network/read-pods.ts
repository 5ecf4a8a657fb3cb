import { existsSync } from 'node:fs';

import { type Logger, readIfThere } from '@kios/agent';
import type { PodsConfig } from '@kios/network-config';

/**
 * Reads which pods the network file gives addresses of the host's segment. Of several files the first that exists
 * counts. One with faults has none: the DHCP agent names its faults.
 */
export async function readPods(
  files: readonly string[],
  log: Logger,
): Promise<PodsConfig | undefined> {
  const file = files.find((each) => existsSync(each));
  const text = file === undefined ? undefined : await readIfThere(file);
  if (text === undefined) return undefined;
  const { readNetworkConfig } = await import('@kios/network-config');
  const reading = readNetworkConfig(text);
  if (reading.ok) return reading.config.pods;
  log.warn({ ev: 'network.fault', file, faults: reading.faults.length });
  return undefined;
}
