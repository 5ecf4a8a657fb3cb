import path from 'node:path';

import * as v from 'valibot';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

import { readManifests } from '../../../../src/build/manifests/read.ts';
import { CLASSES } from '../../../../src/build/manifests/rules/priority.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const Container = v.object({
  lifecycle: v.optional(
    v.object({ preStop: v.object({ sleep: v.object({ seconds: v.number() }) }) }),
  ),
});
const Pod = v.object({
  metadata: v.object({ name: v.string() }),
  spec: v.object({
    priorityClassName: v.string(),
    priority: v.number(),
    terminationGracePeriodSeconds: v.number(),
    containers: v.array(Container),
  }),
});

const pods = (await readManifests(path.join(repository, 'manifests'))).map(({ text }) =>
  v.parse(Pod, parse(text, { merge: true })),
);

const sleepOf = ({ spec }: v.InferOutput<typeof Pod>): number =>
  Math.max(...spec.containers.map(({ lifecycle }) => lifecycle?.preStop.sleep.seconds ?? 0));

it.each(pods)('$metadata.name has the number of its class, so it ends late', ({ spec }) => {
  expect(spec.priority).toBe(CLASSES[spec.priorityClassName]);
});

it('dhcp ends last: it begins when every other pod’s grace period is over', () => {
  const dhcp = pods.find(({ metadata }) => metadata.name === 'dhcp')!;
  const others = pods.filter((pod) => pod !== dhcp);
  const longest = Math.max(...others.map(({ spec }) => spec.terminationGracePeriodSeconds));
  expect(sleepOf(dhcp)).toBeGreaterThan(longest);
  expect(dhcp.spec.terminationGracePeriodSeconds).toBeGreaterThan(sleepOf(dhcp));
  for (const other of others) expect(sleepOf(other)).toBe(0);
});
