import * as v from 'valibot';
import { parse } from 'yaml';

import { readManifests } from '../../build/manifests/read.ts';

const Container = v.object({
  name: v.string(),
  securityContext: v.object({
    capabilities: v.object({ add: v.optional(v.array(v.string()), []) }),
  }),
});

const Manifest = v.object({
  metadata: v.object({
    name: v.string(),
    namespace: v.string(),
    annotations: v.optional(v.record(v.string(), v.string()), {}),
  }),
  spec: v.object({
    restartPolicy: v.optional(v.string(), 'Always'),
    initContainers: v.optional(v.array(Container), []),
    containers: v.array(Container),
  }),
});

interface ShippedContainer {
  readonly name: string;
  /** An init container, or one of a pod that runs once. */
  readonly ends: boolean;
  readonly capabilities: readonly string[];
}

/** A static pod of the image as its manifest in this checkout says. */
export interface ShippedPod {
  readonly name: string;
  readonly namespace: string;
  /** Kubelet shows no pod that has ended to the API server. */
  readonly ends: boolean;
  readonly containers: readonly ShippedContainer[];
}

const shippedContainer = (
  { name, securityContext }: v.InferOutput<typeof Container>,
  ends: boolean,
): ShippedContainer => ({
  name,
  ends,
  capabilities: securityContext.capabilities.add.toSorted(),
});

/** Returns undefined for a pod that no ordinary boot has: one that grows a disk, which has a test of its own. */
function shippedPod(text: string): ShippedPod | undefined {
  const { metadata, spec } = v.parse(Manifest, parse(text));
  if (metadata.annotations['kios.dev/start'] === 'grown') return undefined;
  const ends = spec.restartPolicy !== 'Always';
  const containers = [
    ...spec.initContainers.map((container) => shippedContainer(container, true)),
    ...spec.containers.map((container) => shippedContainer(container, ends)),
  ];
  return { name: metadata.name, namespace: metadata.namespace, ends, containers };
}

/** Returns the static pods that the image ships and every boot has, from the files that the build puts into it. */
export const shippedPods = async (): Promise<ShippedPod[]> =>
  (await readManifests()).map(({ text }) => shippedPod(text)).filter((pod) => pod !== undefined);
