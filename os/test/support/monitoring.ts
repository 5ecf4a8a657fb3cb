import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { parse } from 'yaml';

import { repository } from '../../src/workstation/paths.ts';

export const MONITORING = path.join(repository, 'examples/monitoring');
export const VECTORS = path.join(repository, 'packages/host-api/vectors');

export const readExample = (name: string): Promise<string> =>
  readFile(path.join(MONITORING, name), 'utf8');

const Names = v.record(v.string(), v.record(v.string(), v.array(v.string())));

/** Labels of the metrics of nodes, by name, and these by file in /run/kios/metrics. */
export async function readMetricNames(): Promise<v.InferOutput<typeof Names>> {
  const text = await readFile(path.join(VECTORS, 'metrics.json'), 'utf8');
  return v.parse(v.pipe(v.string(), v.parseJson(), Names), text);
}

const Rules = v.object({
  groups: v.array(
    v.object({
      name: v.string(),
      rules: v.array(
        v.object({
          alert: v.string(),
          expr: v.string(),
          labels: v.object({ severity: v.picklist(['info', 'warning', 'critical']) }),
          annotations: v.object({ summary: v.string(), description: v.string() }),
        }),
      ),
    }),
  ),
});

export async function readAlerts() {
  const { groups } = v.parse(Rules, parse(await readExample('rules.yaml')));
  return groups.flatMap(({ rules }) => rules);
}

const Container = v.object({ image: v.string(), args: v.array(v.string()) });
const DaemonSet = v.object({
  kind: v.literal('DaemonSet'),
  spec: v.object({
    template: v.object({ spec: v.object({ containers: v.tuple([Container]) }) }),
  }),
});

/** The container of `metrics.yaml`. */
export async function readMetricsContainer(): Promise<v.InferOutput<typeof Container>> {
  const documents = (await readExample('metrics.yaml')).split(/^---$/m);
  const { spec } = v.parse(DaemonSet, parse(documents.at(-1) ?? ''));
  return spec.template.spec.containers[0];
}
