import * as v from 'valibot';

const names = v.optional(v.array(v.string()), []);

/** The part of an OCI runtime specification that limits a process. */
export const RuntimeSpec = v.object({
  process: v.object({
    user: v.object({ uid: v.number() }),
    noNewPrivileges: v.optional(v.boolean(), false),
    capabilities: v.optional(
      v.object({
        bounding: names,
        effective: names,
        permitted: names,
        inheritable: names,
        ambient: names,
      }),
      {},
    ),
  }),
  root: v.object({ readonly: v.optional(v.boolean(), false) }),
  linux: v.object({ seccomp: v.nullish(v.object({ defaultAction: v.string() })) }),
});

/** Output of `host/containers.ts`. */
export const ContainerFacts = v.object({
  namespace: v.string(),
  /** The pod's name and UID as they were when kubelet made the container. */
  pod: v.string(),
  podUid: v.string(),
  sandbox: v.string(),
  name: v.string(),
  id: v.string(),
  state: v.picklist(['created', 'running', 'exited', 'unknown']),
  exitCode: v.number(),
  spec: RuntimeSpec,
});

/** A container that runs or has ended, and the specification from which containerd started it. */
export type ContainerFacts = v.InferOutput<typeof ContainerFacts>;
