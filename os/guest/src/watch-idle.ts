/**
 * Looks now and then at what a node does that has nothing to do, and prints it all at the end as one JSON object: a
 * line in between would be written to the disk. Runs in a pod with the host's process namespace.
 */
import { readdirSync } from 'node:fs';

import { read } from './host/files.ts';
import { pidsIn } from './host/processes.ts';
import type { IdleFacts, Look, Worker } from './idle-facts.ts';
import { usedKiB } from './proc/meminfo.ts';
import { readParameters, SCRIPTS } from './scripts.ts';

/** What the kernel calls a second in /proc (USER_HZ). */
const TICKS = 100;
const SECTORS_PER_KIB = 2;
const COMMAND_CHARACTERS = 80;
const KERNEL = 2;
const DISK = /^(?:[a-z]+d[a-z]+|nvme\d+n\d+|mmcblk\d+)$/;

const { root, everySeconds, looks: count } = readParameters(SCRIPTS['watch-idle']);
const proc = `${root}/proc`;

const counter = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0);

/** Returns what was written to disks; their partitions are in the same list, and do not count twice. */
function written(): Pick<Look, 'writtenKiB' | 'writes'> {
  const disks = read(`${proc}/diskstats`)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , name = '']) => DISK.test(name));
  const sum = (column: number): number =>
    disks.reduce((all, fields) => all + Number(fields[column]), 0);
  return { writtenKiB: sum(9) / SECTORS_PER_KIB, writes: sum(7) };
}

function look(): Look {
  const stat = read(`${proc}/stat`);
  // user, nice, system, idle, iowait, irq, softirq, steal
  const ticks = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? '').split(' ').map(Number);
  const busy = ticks.slice(0, 7).reduce((all, value) => all + value, 0);
  return {
    seconds: Number(read(`${proc}/uptime`).split(' ')[0]),
    busySeconds: (busy - (ticks[3] ?? 0) - (ticks[4] ?? 0)) / TICKS,
    interrupts: counter(stat, /^intr (\d+)/m),
    switches: counter(stat, /^ctxt (\d+)/m),
    ...written(),
    usedKiB: usedKiB(read(`${proc}/meminfo`)),
  };
}

const tasksOf = (pid: number): string[] => {
  try {
    return readdirSync(`${proc}/${pid}/task`);
  } catch {
    return [];
  }
};

const wakeupsOf = (pid: number): number =>
  tasksOf(pid).reduce(
    (all, task) =>
      all +
      counter(read(`${proc}/${pid}/task/${task}/status`), /^voluntary_ctxt_switches:\s+(\d+)/m),
    0,
  );

interface Started extends Worker {
  readonly key: string;
}

function workerOf(pid: number): Started[] {
  const stat = read(`${proc}/${pid}/stat`);
  if (stat === '') return [];
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ofKernel = pid === KERNEL || Number(fields[1]) === KERNEL;
  const name = ofKernel ? 'kernel' : read(`${proc}/${pid}/comm`).trim();
  return [
    {
      key: ofKernel ? 'kernel' : `${pid} ${fields[19]}`,
      pid: ofKernel ? KERNEL : pid,
      name,
      command: read(`${proc}/${pid}/cmdline`)
        .replaceAll('\0', ' ')
        .trim()
        .slice(0, COMMAND_CHARACTERS),
      cgroup: ofKernel ? '' : read(`${proc}/${pid}/cgroup`).trim(),
      busySeconds: (Number(fields[11]) + Number(fields[12])) / TICKS,
      wakeups: wakeupsOf(pid),
      writtenKiB: counter(read(`${proc}/${pid}/io`), /^write_bytes: (\d+)/m) / 1024,
    },
  ];
}

const add = (one: Worker, other: Worker, sign: 1 | -1): Worker => ({
  ...one,
  busySeconds: one.busySeconds + sign * other.busySeconds,
  wakeups: one.wakeups + sign * other.wakeups,
  writtenKiB: one.writtenKiB + sign * other.writtenKiB,
});

function workers(): Map<string, Worker> {
  const all = new Map<string, Worker>();
  for (const { key, ...worker } of pidsIn(proc).flatMap(workerOf)) {
    const same = all.get(key);
    all.set(key, same === undefined ? worker : add(same, worker, 1));
  }
  return all;
}

const before = workers();
const looks: Look[] = [look()];

function end(): void {
  const processes = [...workers()].flatMap(([key, after]) => {
    const start = before.get(key);
    return start === undefined ? [] : [add(after, start, -1)];
  });
  const facts: IdleFacts = { looks, probe: { pid: process.pid, shim: process.ppid }, processes };
  process.stdout.write(`${JSON.stringify(facts)}\n`);
}

const timer = setInterval(() => {
  looks.push(look());
  if (looks.length < count) return;
  clearInterval(timer);
  end();
}, everySeconds * 1000);
