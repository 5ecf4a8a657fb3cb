import { readdirSync } from 'node:fs';
import path from 'node:path';

import { command } from '@kios/agent';
import { readLeases, readLeases6 } from '@kios/node-state';

import { STATUS_FLAGS } from '../core/settings/flags.ts';
import { flagsOf, readFlags } from '../core/settings/table.ts';
import { encodePcap } from '../core/wire/pcap.ts';
import { readNetworkStatus } from '../edge/network/network-status.ts';
import { readTrace } from '../edge/report/trace.ts';

/** Prints the leases, or the last DHCP frames. Needs only the right to read the folder. */
export const status = command({
  command: 'status',
  describe: 'Print the leases, and how the host stands to its network file, as JSON',
  isReadOnly: true,
  builder: (args) => args.options(flagsOf(STATUS_FLAGS)),
  run: async (args) => {
    const { trace, runDir } = readFlags(STATUS_FLAGS, args);
    process.stdout.write(trace ? formatTrace(runDir) : await formatStatus(runDir));
  },
});

/** The leases and the state of the network file, if there is one, as one JSON line. */
async function formatStatus(folder: string): Promise<string> {
  const { leases, errors } = await readLeases(folder);
  const ipv6 = await readLeases6(folder);
  const faults = [...errors, ...ipv6.errors].map(({ message }) => message);
  const text = await readNetworkStatus(folder);
  const network: unknown = text === undefined ? undefined : JSON.parse(text);
  return `${JSON.stringify({ leases, leases6: ipv6.leases, faults, network })}\n`;
}

/** The last DHCP frames of all links, in order of time, as one capture file. */
function formatTrace(folder: string): Uint8Array {
  const files = readdirSync(folder).filter((name) => name.endsWith('.pcap'));
  const frames = files.flatMap((name) => readTrace(path.join(folder, name)));
  return encodePcap(frames.toSorted((a, b) => a.at - b.at));
}
