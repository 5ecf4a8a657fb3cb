/**
 * Reports to the console when the first of some pods runs, when all of them do, and the memory in use once it rests.
 * Each of the pods has two processes of one name, its sandbox's and its container's.
 */
import { readdirSync } from 'node:fs';

import { read } from './host/files.ts';
import { usedKiB } from './proc/meminfo.ts';
import { report } from './report.ts';
import { EVENTS, readParameters, SCRIPTS } from './scripts.ts';

const parameters = readParameters(SCRIPTS['watch-pods']);
const { process: wanted, pods, everyMs, restSeconds, restKiB } = parameters;
const proc = `${parameters.root}/proc`;
/** Before a container's process becomes its program it is runc's, which has many names. */
const RUNC = /^runc/;

/** Processes that will not be another program any more. */
const known = new Set<string>();
/** Number of wanted processes by pod. */
const seen = new Map<string, number>();

/** Returns the pod's folder of a control group: the one above the container's. */
const podOf = (pid: string): string => read(`${proc}/${pid}/cgroup`).trim().split('/').at(-2) ?? '';

function look(pid: string): void {
  const name = read(`${proc}/${pid}/comm`).trim();
  if (name === '' || RUNC.test(name)) return;
  known.add(pid);
  if (name !== wanted) return;
  const pod = podOf(pid);
  seen.set(pod, (seen.get(pod) ?? 0) + 1);
}

/** Returns how many of the pods run. Only new processes are read: the watched system is to be left its time. */
function running(): number {
  for (const pid of readdirSync(proc)) if (/^\d+$/.test(pid) && !known.has(pid)) look(pid);
  return [...seen.values()].filter((count) => count > 1).length;
}

const uptime = (): number => Number(read(`${proc}/uptime`).split(' ')[0]);

let first = pods === 0;
let all = false;
let rest: { readonly since: number; readonly kib: number } | undefined;

function watchMemory(): boolean {
  const kib = usedKiB(read(`${proc}/meminfo`));
  const now = uptime();
  if (rest === undefined || Math.abs(kib - rest.kib) > restKiB) rest = { since: now, kib };
  if (now - rest.since < restSeconds) return false;
  report(parameters, EVENTS.rest, { pods, usedKiB: kib });
  return true;
}

const timer = setInterval(() => {
  if (all) {
    if (watchMemory()) clearInterval(timer);
    return;
  }
  const count = running();
  if (!first && count > 0) {
    first = true;
    report(parameters, EVENTS.firstPod, { running: count });
  }
  if (count < pods) return;
  all = true;
  report(parameters, EVENTS.allPods, { running: count });
}, everyMs);
// Kubelet would restart a container that exits.
setInterval(() => {}, 60_000);
