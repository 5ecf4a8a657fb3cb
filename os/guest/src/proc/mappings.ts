import { fieldsOf } from './meminfo.ts';

/** The first line of a mapping in /proc/<pid>/smaps; the last column is the file, if there is one. */
const HEAD = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+ *(.*)$/;

/** Returns what a process has in memory of each file that it maps, its share of common pages alone, in KiB. */
export function mappedFiles(smaps: string): Map<string, number> {
  const files = new Map<string, number>();
  for (const mapping of smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const end = mapping.indexOf('\n');
    const file = HEAD.exec(mapping.slice(0, end))?.[1] ?? '';
    if (!file.startsWith('/')) continue;
    const { Pss = 0, Anonymous = 0 } = fieldsOf(mapping.slice(end + 1));
    // What was written to a private mapping is no longer the file's.
    files.set(file, (files.get(file) ?? 0) + Math.max(0, Pss - Anonymous));
  }
  return files;
}
