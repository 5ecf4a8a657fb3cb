import * as v from 'valibot';

import { ContainerFacts } from './container-facts.ts';

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
  /** Sets as the kernel prints them, in hexadecimal. */
  capabilities: v.object({
    permitted: v.string(),
    effective: v.string(),
    bounding: v.string(),
    inheritable: v.string(),
    ambient: v.string(),
  }),
  noNewPrivileges: v.boolean(),
  /** 0 is no seccomp, 2 a filter. */
  seccomp: v.number(),
});

/** A process in the host's /proc, where those of containers are too. */
export type HostProcess = v.InferOutput<typeof Process>;

const Listener = v.object({
  protocol: v.string(),
  address: v.string(),
  port: v.number(),
  /** Empty when no process was found that has it open. */
  program: v.string(),
});

/** A socket that listens in the host's network namespace. */
export type Listener = v.InferOutput<typeof Listener>;

const Executable = v.object({ path: v.string(), kind: v.picklist(['program', 'script', 'other']) });

/** A file with an execute bit, and what its first bytes say that it is. */
export type Executable = v.InferOutput<typeof Executable>;

const Names = v.object({
  /** Text of the node's resolv.conf. */
  host: v.string(),
  /** The same file as chronyd's container sees it, and where the link to it in that container leads. */
  chronyd: v.string(),
  link: v.string(),
});

/** Output of `host.ts`. */
export const HostFacts = v.object({
  processes: v.array(Process),
  /** Those that have ended too, as long as containerd remembers them. */
  containers: v.array(ContainerFacts),
  listeners: v.array(Listener),
  root: v.object({
    type: v.string(),
    options: v.string(),
    /** What is mounted: a file of the initramfs or a block device. */
    source: v.string(),
    /** Major and minor number; the major is 0 when no block device is below. */
    device: v.string(),
  }),
  bin: v.array(v.string()),
  executables: v.array(Executable),
  names: Names,
});

export type HostFacts = v.InferOutput<typeof HostFacts>;
