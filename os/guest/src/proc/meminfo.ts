/** Returns the fields of a text such as /proc/meminfo, `Name: 12 kB`, in KiB. */
export const fieldsOf = (text: string): Record<string, number> =>
  Object.fromEntries(
    [...text.matchAll(/^([^:\n]+):\s+(\d+)(?: kB)?$/gm)].map(([, name = '', value]) => [
      name,
      Number(value),
    ]),
  );

/** Returns the memory in use as the kernel sees it: total less available. */
export function usedKiB(meminfo: string): number {
  const { MemTotal = 0, MemAvailable = 0 } = fieldsOf(meminfo);
  return MemTotal - MemAvailable;
}
