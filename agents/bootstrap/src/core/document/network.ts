import { stringify } from 'yaml';

import { fieldError } from '../faults/errors.ts';
import type { NodeBootstrap } from './schema.ts';

/** A fault as part of a line: the path as it was written, what is wrong there, and how to mend it. */
const formatFault = ({ path, what, remedy }: Record<'path' | 'what' | 'remedy', string>): string =>
  `${path}: ${what}, ${remedy.charAt(0).toLowerCase()}${remedy.slice(1).replace(/[.]$/, '')}`;

/** Formats a document's network as a network file. */
export const formatNetwork = (network: NodeBootstrap['network']): string => stringify({ network });

/**
 * Rejects a document whose network no node would use. The rules are those of a network file, loaded only for documents
 * that have one.
 */
export async function checkNetwork(
  source: string,
  { network }: Pick<NodeBootstrap, 'network'>,
): Promise<void> {
  if (network === undefined) return;
  const { readNetworkConfig } = await import('@kios/network-config');
  const reading = readNetworkConfig(formatNetwork(network));
  if (reading.ok) return;
  const [first, ...others] = reading.faults;
  const more = others.length === 0 ? '' : `; and at ${others.map(({ path }) => path).join(', ')}`;
  throw fieldError(`read ${source}: ${formatFault(first)}${more}`);
}
