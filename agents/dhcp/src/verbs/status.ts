import { readdirSync } from 'node:fs';
import path from 'node:path';

import { readLeases } from '@kios/node-state';

import { encodePcap } from '../core/wire/pcap.ts';
import { readTrace } from '../edge/report/trace.ts';

/** The leases there are, as one JSON line; needs no right but to read the folder. */
export async function formatStatus(folder: string): Promise<string> {
  const { leases, errors } = await readLeases(folder);
  const faults = errors.map(({ message }) => message);
  return `${JSON.stringify({ leases, faults })}\n`;
}

/** The last DHCP frames of all links, in the order they passed, as one capture file. */
export function formatTrace(folder: string): Uint8Array {
  const files = readdirSync(folder).filter((name) => name.endsWith('.pcap'));
  const frames = files.flatMap((name) => readTrace(path.join(folder, name)));
  return encodePcap(frames.toSorted((a, b) => a.at - b.at));
}
