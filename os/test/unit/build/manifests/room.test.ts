import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { readManifests } from '../../../../src/build/manifests/read.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const Amounts = v.object({ cpu: v.string(), memory: v.string() });
const Container = v.object({
  name: v.string(),
  resources: v.object({
    requests: Amounts,
    limits: v.optional(v.object({ memory: v.string() }), { memory: '0Mi' }),
  }),
});
const Pod = v.object({
  metadata: v.object({ name: v.string() }),
  spec: v.object({
    initContainers: v.optional(v.array(Container), []),
    containers: v.array(Container),
  }),
});
const Vectors = v.pipe(
  v.string(),
  v.parseJson(),
  v.array(
    v.object({
      name: v.string(),
      memoryMiB: v.number(),
      cpus: v.number(),
      config: v.object({
        systemReserved: Amounts,
        kubeReserved: Amounts,
        evictionHard: v.object({ 'memory.available': v.string() }),
      }),
    }),
  ),
);

type Resource = keyof v.InferOutput<typeof Amounts>;

/** Returns thousandths of a processor or MiB. */
const amount = (text: string): number => {
  const [, digits] = /^(\d+)(?:m|Mi)$/.exec(text) ?? [];
  if (digits === undefined) throw new Error(`${text} is neither thousandths nor MiB`);
  return Number(digits);
};

const sum = (values: readonly number[]): number => values.reduce((one, other) => one + other, 0);

const vectors = v.parse(
  Vectors,
  await readFile(path.join(repository, 'packages/host-api/vectors/reservations.json'), 'utf8'),
);
const files = await readManifests();
const pods = files.map(({ text }) => v.parse(Pod, parse(text)));

/** What kubelet counts for a pod: init containers run one after another, and before the others. */
function request({ spec }: (typeof pods)[number], resource: Resource): number {
  const of = ({ resources }: v.InferOutput<typeof Container>) =>
    amount(resources.requests[resource]);
  return Math.max(sum(spec.containers.map(of)), ...spec.initContainers.map(of));
}

const requested = (resource: Resource): number => sum(pods.map((pod) => request(pod, resource)));

describe('the shipped static pods', () => {
  it.each(vectors)('are all admitted on a machine with $name', ({ memoryMiB, cpus, config }) => {
    const kept = (resource: Resource): number =>
      amount(config.systemReserved[resource]) + amount(config.kubeReserved[resource]);
    const evicted = amount(config.evictionHard['memory.available']);
    expect(requested('memory')).toBeLessThanOrEqual(memoryMiB - kept('memory') - evicted);
    expect(requested('cpu')).toBeLessThanOrEqual(cpus * 1000 - kept('cpu'));
  });

  it.each(
    pods.flatMap(({ metadata, spec }) =>
      [...spec.initContainers, ...spec.containers].map((container) => ({
        pod: metadata.name,
        ...container,
      })),
    ),
  )('$pod/$name may use twice what it requests, and no more than 160 MiB', ({ resources }) => {
    const limit = amount(resources.limits.memory);
    expect(limit).toBeGreaterThanOrEqual(2 * amount(resources.requests.memory));
    expect(limit).toBeLessThanOrEqual(160);
  });
});
