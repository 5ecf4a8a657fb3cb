import * as v from 'valibot';

const Process = v.object({
  pid: v.number(),
  ppid: v.number(),
  name: v.string(),
  /** Empty for kernel threads. */
  exe: v.string(),
  kernel: v.boolean(),
  /** Whether it is in the host's mount namespace; containers have their own. */
  onHost: v.boolean(),
  cgroup: v.string(),
  startTicks: v.number(),
  capabilities: v.object({ permitted: v.string(), effective: v.string(), bounding: v.string() }),
});

/** A process in the host's /proc, where those of containers are too. */
export type HostProcess = v.InferOutput<typeof Process>;

const Listener = v.object({ protocol: v.string(), address: v.string(), port: v.number() });

/** A socket that listens in the host's network namespace. */
export type Listener = v.InferOutput<typeof Listener>;

/** Output of `os/guest/src/host.ts`. */
export const HostFacts = v.object({
  processes: v.array(Process),
  listeners: v.array(Listener),
  rootOptions: v.string(),
  rootType: v.string(),
  bin: v.array(v.string()),
  /** Files with an execute bit in the host's root file system, outside the image store. */
  executables: v.array(v.string()),
});

export type HostFacts = v.InferOutput<typeof HostFacts>;
