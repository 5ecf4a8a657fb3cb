import * as v from 'valibot';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

import { readAlerts, readExample, readMetricNames } from '../../support/monitoring.ts';

/** Metrics of kubelet, kube-state-metrics and node-exporter that the examples use, with the labels that these have. */
const OTHERS: Readonly<Record<string, readonly string[]>> = {
  container_start_time_seconds: ['container', 'namespace', 'pod'],
  kube_node_status_condition: ['condition', 'node', 'status'],
  node_textfile_mtime_seconds: ['file'],
};

const Dashboard = v.object({
  panels: v.array(
    v.object({
      id: v.number(),
      title: v.string(),
      gridPos: v.object({ x: v.number(), y: v.number(), w: v.number(), h: v.number() }),
      targets: v.array(v.object({ expr: v.string() })),
    }),
  ),
});

const readDashboard = async () =>
  v.parse(v.pipe(v.string(), v.parseJson(), Dashboard), await readExample('dashboard.json'));

const known = new Map([
  ...Object.values(await readMetricNames()).flatMap((metrics) => Object.entries(metrics)),
  ...Object.entries(OTHERS),
]);

/** What an expression says of metrics that no node has, or of labels that these lack. */
function unknown(expression: string): string[] {
  const used = expression.matchAll(/\b((?:kios|kube|node|container)_\w+)\b(?:\{([^}]*)\})?/g);
  return [...used].flatMap(([, name = '', selector = '']) => {
    const labels = known.get(name);
    if (labels === undefined) return [name];
    return [...selector.matchAll(/(\w+)\s*=/g)]
      .map(([, label = '']) => label)
      .filter((label) => label !== 'node' && !labels.includes(label))
      .map((label) => `${name}{${label}}`);
  });
}

it('alerts ask for metrics that a node has', async () => {
  for (const { alert, expr } of await readAlerts())
    expect([alert, unknown(expr)]).toEqual([alert, []]);
});

it('panels ask for metrics that a node has', async () => {
  for (const { title, targets } of (await readDashboard()).panels)
    expect([title, targets.flatMap(({ expr }) => unknown(expr))]).toEqual([title, []]);
});

it('finds a metric that no node has, and a label that it lacks', () => {
  expect(unknown('kios_nothing > 0 and kios_info{colour="red",node="a"}')).toEqual([
    'kios_nothing',
    'kios_info{colour}',
  ]);
});

it('each metric of a node is described, and in an alert or a panel', async () => {
  const readme = await readExample('README.md');
  const used = [await readExample('rules.yaml'), await readExample('dashboard.json')].join('\n');
  const names = [...known.keys()].filter((name) => name.startsWith('kios_'));
  expect(names.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
  const inUse = names.filter((name) => used.includes(name));
  const informative = ['kios_clock_epoch', 'kios_clock_source_info', 'kios_clock_stratum'];
  expect(names.filter((name) => !inUse.includes(name))).toEqual(informative);
});

const Tests = v.object({
  tests: v.array(
    v.object({
      alert_rule_test: v.array(
        v.object({ alertname: v.string(), exp_alerts: v.optional(v.array(v.unknown()), []) }),
      ),
    }),
  ),
});

it('of each alert is shown when it fires and when not', async () => {
  const { tests } = v.parse(Tests, parse(await readExample('rules-test.yaml')));
  const cases = tests.flatMap(({ alert_rule_test: all }) => all);
  const namesOf = (fires: boolean): string[] => [
    ...new Set(
      cases
        .filter(({ exp_alerts: expected }) => expected.length > 0 === fires)
        .map(({ alertname }) => alertname),
    ),
  ];
  const alerts = (await readAlerts()).map(({ alert }) => alert).toSorted();
  expect(namesOf(true).toSorted()).toEqual(alerts);
  expect(namesOf(false).toSorted()).toEqual(alerts);
});

it('panels have numbers of their own and do not overlap', async () => {
  const { panels } = await readDashboard();
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const taken = new Map<string, string>();
  for (const { title, gridPos } of panels) {
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        expect(taken.get(`${x} ${y}`)).toBeUndefined();
        taken.set(`${x} ${y}`, title);
      }
  }
});
