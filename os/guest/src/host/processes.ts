import { readdirSync } from 'node:fs';

import type { HostProcess } from '../host-facts.ts';
import { linkOf, read } from './files.ts';

const field = (status: string, name: string): string =>
  new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '';

function processOf(proc: string, pid: number, hostMounts: string): HostProcess[] {
  const status = read(`${proc}/${pid}/status`);
  const stat = read(`${proc}/${pid}/stat`);
  if (status === '' || stat === '') return [];
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ppid = Number(field(status, 'PPid'));
  return [
    {
      pid,
      ppid,
      name: field(status, 'Name'),
      exe: linkOf(`${proc}/${pid}/exe`),
      kernel: pid === 2 || ppid === 2,
      onHost: linkOf(`${proc}/${pid}/ns/mnt`) === hostMounts,
      cgroup: read(`${proc}/${pid}/cgroup`).trim(),
      startTicks: Number(fields[19]),
      capabilities: {
        permitted: field(status, 'CapPrm'),
        effective: field(status, 'CapEff'),
        bounding: field(status, 'CapBnd'),
        inheritable: field(status, 'CapInh'),
        ambient: field(status, 'CapAmb'),
      },
      noNewPrivileges: field(status, 'NoNewPrivs') === '1',
      seccomp: Number(field(status, 'Seccomp')),
    },
  ];
}

export const pidsIn = (proc: string): number[] =>
  readdirSync(proc)
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** Returns every process that `proc` shows, those of containers included. */
export function processesIn(proc: string): HostProcess[] {
  const hostMounts = linkOf(`${proc}/1/ns/mnt`);
  return pidsIn(proc).flatMap((pid) => processOf(proc, pid, hostMounts));
}
