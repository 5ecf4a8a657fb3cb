/**
 * Prints the processes, containers, open sockets and executable files of the host as one JSON object. Runs in a pod
 * with the host's process namespace.
 */
import { readdirSync } from 'node:fs';

import type { HostFacts } from './host-facts.ts';
import { containersAt } from './host/containers.ts';
import { executablesIn } from './host/executables.ts';
import { read } from './host/files.ts';
import { listenersIn } from './host/listeners.ts';
import { processesIn } from './host/processes.ts';
import { readParameters, SCRIPTS } from './scripts.ts';

const { root, runtime } = readParameters(SCRIPTS.host);
const proc = `${root}/proc`;
const host = `${proc}/1/root`;

/** Returns the visible mount on `/`: a later one covers an earlier one. */
function rootMount(): HostFacts['root'] {
  const lines = read(`${proc}/1/mountinfo`).split('\n');
  const [before = '', after = ''] = (
    lines.findLast((line) => line.split(' ')[4] === '/') ?? ''
  ).split(' - ');
  const [, , device = '', , , options = ''] = before.split(' ');
  const [type = '', source = ''] = after.split(' ');
  return { type, options, source, device };
}

async function main(): Promise<void> {
  const facts: HostFacts = {
    processes: processesIn(proc),
    containers: await containersAt(runtime),
    listeners: listenersIn(proc),
    root: rootMount(),
    bin: readdirSync(`${host}/bin`).toSorted(),
    executables: executablesIn(host),
  };
  process.stdout.write(`${JSON.stringify(facts)}\n`);
}

void main();
