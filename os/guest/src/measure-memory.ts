/**
 * Prints what is in memory as one JSON object: the kernel's own figures, and those of each process. Runs in a pod with
 * the host's process namespace.
 */
import { read } from './host/files.ts';
import { pidsIn } from './host/processes.ts';
import type { MemoryFacts, ProcessMemory } from './memory-facts.ts';
import { mappedFiles } from './proc/mappings.ts';
import { fieldsOf } from './proc/meminfo.ts';
import { readParameters, SCRIPTS } from './scripts.ts';

const PAGE_KIB = 4;
const COMMAND_CHARACTERS = 160;
const FILES = 40;

const proc = `${readParameters(SCRIPTS['measure-memory']).root}/proc`;

const sum = (values: Iterable<number>): number => {
  let all = 0;
  for (const value of values) all += value;
  return all;
};

const numbers = (text: string, pattern: RegExp): number[] =>
  [...text.matchAll(pattern)].map(([, value]) => Number(value));

function processOf(pid: number): ProcessMemory[] {
  const rollup = fieldsOf(read(`${proc}/${pid}/smaps_rollup`));
  const { Rss, Private_Clean = 0, Private_Dirty = 0, Pss_Anon = 0, Swap = 0 } = rollup;
  if (Rss === undefined) return [];
  const privateKiB = Private_Clean + Private_Dirty;
  return [
    {
      pid,
      name: read(`${proc}/${pid}/comm`).trim(),
      command: read(`${proc}/${pid}/cmdline`)
        .replaceAll('\0', ' ')
        .trim()
        .slice(0, COMMAND_CHARACTERS),
      cgroup: read(`${proc}/${pid}/cgroup`).trim(),
      privateKiB,
      sharedKiB: Rss - privateKiB,
      anonymousKiB: Pss_Anon,
      swapKiB: Swap,
    },
  ];
}

function mappedBy(processes: readonly ProcessMemory[]): MemoryFacts['mapped'] {
  const all = new Map<string, number>();
  for (const { pid } of processes)
    for (const [file, kib] of mappedFiles(read(`${proc}/${pid}/smaps`)))
      all.set(file, (all.get(file) ?? 0) + kib);
  return [...all]
    .map(([file, kib]) => ({ file, kib }))
    .toSorted((one, other) => other.kib - one.kib);
}

// The kernel's figures and the processes' within as short a time as possible; the mappings take longer.
const meminfo = fieldsOf(read(`${proc}/meminfo`));
const zoneinfo = read(`${proc}/zoneinfo`);
const processes = pidsIn(proc).flatMap(processOf);
const mapped = mappedBy(processes);
const rest = mapped.slice(FILES);
const facts: MemoryFacts = {
  meminfo,
  listsKiB: sum(numbers(zoneinfo, /^\s+count:\s+(\d+)$/gm)) * PAGE_KIB,
  modulesKiB: sum(numbers(read(`${proc}/modules`), /^\S+ (\d+) /gm)) / 1024,
  probe: { pid: process.pid, shim: process.ppid },
  processes,
  mapped:
    rest.length === 0
      ? mapped
      : [
          ...mapped.slice(0, FILES),
          { file: `${rest.length} more files`, kib: sum(rest.map(({ kib }) => kib)) },
        ],
};
process.stdout.write(`${JSON.stringify(facts)}\n`);
