import { formatNetwork } from '../document/network.ts';
import type { NodeBootstrap } from '../document/schema.ts';
import type { OutputFile } from './output-file.ts';

/** Where the DHCP agent looks for a network file when the machine was given none otherwise. */
export const NETWORK_FILE = 'kios/dhcp/network.yaml';

/** By this line the agent knows a file that it may remove: any other is a person's. */
const MARK = '# The network of the bootstrap document, which takes the place of changes here.\n';

/** Returns the file for the document's network. Without a network the file of an earlier one must go. */
export function networkFile(
  { network }: Pick<NodeBootstrap, 'network'>,
  present: string | undefined,
): readonly OutputFile[] {
  const file = { path: NETWORK_FILE, mode: 0o644, isUserFile: true };
  if (network !== undefined) return [{ ...file, content: `${MARK}${formatNetwork(network)}` }];
  return present?.startsWith(MARK) === true ? [{ ...file, content: undefined }] : [];
}
