import * as v from 'valibot';

const Process = v.object({
  pid: v.number(),
  name: v.string(),
  /** The words that started it, cut. */
  command: v.string(),
  /** As the probe sees it: a path from its own group. */
  cgroup: v.string(),
  privateKiB: v.number(),
  sharedKiB: v.number(),
  /** Its share of the memory that no file backs. */
  anonymousKiB: v.number(),
  swapKiB: v.number(),
});

/** A process with memory of its own; threads of the kernel have none. */
export type ProcessMemory = v.InferOutput<typeof Process>;

/** Output of `measure-memory.ts`. */
export const MemoryFacts = v.object({
  /** Fields of /proc/meminfo. */
  meminfo: v.record(v.string(), v.number()),
  /** Free pages that processors keep for themselves, which the kernel counts as neither free nor used. */
  listsKiB: v.number(),
  modulesKiB: v.number(),
  /** The probe's own process, and the shim that started it. */
  probe: v.object({ pid: v.number(), shim: v.number() }),
  processes: v.array(Process),
  /** Page cache that processes map, by file, the largest first. */
  mapped: v.array(v.object({ file: v.string(), kib: v.number() })),
});

export type MemoryFacts = v.InferOutput<typeof MemoryFacts>;
