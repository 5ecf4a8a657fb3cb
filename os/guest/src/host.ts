/**
 * Prints the processes, containers, open sockets and executable files of the host as one JSON object. Runs in a pod
 * with the host's process namespace.
 */
import { readdirSync } from 'node:fs';

import type { HostFacts } from './host-facts.ts';
import { containersAt } from './host/containers.ts';
import { executablesIn } from './host/executables.ts';
import { linkOf, read } from './host/files.ts';
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

const RESOLV_CONF = '/run/kios/net/resolv.conf';

/** Returns who chronyd asks for names. A link below another process' root would be followed from one's own. */
function namesOf(processes: HostFacts['processes']): HostFacts['names'] {
  const chronyd = processes.find(({ exe }) => exe === '/usr/sbin/chronyd');
  const inside = `${proc}/${chronyd?.pid ?? 0}/root`;
  return {
    host: read(`${host}${RESOLV_CONF}`),
    chronyd: read(`${inside}${RESOLV_CONF}`),
    link: linkOf(`${inside}/etc/resolv.conf`),
  };
}

async function main(): Promise<void> {
  const processes = processesIn(proc);
  const facts: HostFacts = {
    processes,
    containers: await containersAt(runtime),
    listeners: listenersIn(proc),
    root: rootMount(),
    bin: readdirSync(`${host}/bin`).toSorted(),
    executables: executablesIn(host),
    names: namesOf(processes),
  };
  process.stdout.write(`${JSON.stringify(facts)}\n`);
}

void main();
