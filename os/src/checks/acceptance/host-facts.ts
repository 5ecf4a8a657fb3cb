import * as v from 'valibot';

const Process = v.object({
  pid: v.number(),
  ppid: v.number(),
  name: v.string(),
  /** Empty for kernel threads. */
  exe: v.string(),
  kernel: v.boolean(),
  /** Whether it lives in the host's mount namespace; containers have their own. */
  onHost: v.boolean(),
  cgroup: v.string(),
  startTicks: v.number(),
  capabilities: v.object({ permitted: v.string(), effective: v.string(), bounding: v.string() }),
});

/** A process of the host as seen in /proc. */
export type HostProcess = v.InferOutput<typeof Process>;

const Listener = v.object({ protocol: v.string(), address: v.string(), port: v.number() });

/** A socket that accepts from the network, in the host's network namespace. */
export type Listener = v.InferOutput<typeof Listener>;

/** What the probe reports of the host. */
export const HostFacts = v.object({
  processes: v.array(Process),
  listeners: v.array(Listener),
  rootOptions: v.string(),
  rootType: v.string(),
  bin: v.array(v.string()),
  /** Files with an execute bit on the host's root, outside the store of images. */
  executables: v.array(v.string()),
});

export type HostFacts = v.InferOutput<typeof HostFacts>;
