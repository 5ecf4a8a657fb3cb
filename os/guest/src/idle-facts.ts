import * as v from 'valibot';

const Look = v.object({
  /** Of the guest's clock, from its kernel's start. */
  seconds: v.number(),
  /** Time in which processors did something, from the boot on, as are all counts. */
  busySeconds: v.number(),
  interrupts: v.number(),
  switches: v.number(),
  /** Written to disks. */
  writtenKiB: v.number(),
  writes: v.number(),
  usedKiB: v.number(),
});

/** What a node had done until a moment. */
export type Look = v.InferOutput<typeof Look>;

const Worker = v.object({
  pid: v.number(),
  name: v.string(),
  command: v.string(),
  cgroup: v.string(),
  busySeconds: v.number(),
  /** Times that one of its threads had waited and went on. */
  wakeups: v.number(),
  writtenKiB: v.number(),
});

/** What one process did between the first look and the last. */
export type Worker = v.InferOutput<typeof Worker>;

/** Output of `watch-idle.ts`. */
export const IdleFacts = v.object({
  looks: v.array(Look),
  probe: v.object({ pid: v.number(), shim: v.number() }),
  /** Those that were there at both ends. Threads of the kernel are one. */
  processes: v.array(Worker),
});

export type IdleFacts = v.InferOutput<typeof IdleFacts>;
