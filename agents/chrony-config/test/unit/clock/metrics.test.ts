import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { expect, it } from 'vitest';

import { formatMetrics } from '../../../src/core/clock/metrics.ts';

const STATE = { v: 1, sane: true, synced: false, since: '', epoch: 2 } as const;

it('an unsynced clock has neither source nor offset', () => {
  expect(formatMetrics(STATE).split('\n')).toEqual([
    '# HELP kios_clock_sane Whether the clock can be right: certificates can be checked.',
    '# TYPE kios_clock_sane gauge',
    'kios_clock_sane 1',
    '# HELP kios_clock_synced Whether a time source disciplines the clock.',
    '# TYPE kios_clock_synced gauge',
    'kios_clock_synced 0',
    '# HELP kios_clock_epoch Steps of the clock by more than 15 minutes since the boot.',
    '# TYPE kios_clock_epoch gauge',
    'kios_clock_epoch 2',
    '',
  ]);
});

it('a synced clock has all of them, in numbers that Prometheus reads', () => {
  const source = { source: '2001:db8::1', stratum: 3, offset: -1.2e-7, maxError: 0.004 };
  const lines = formatMetrics({ ...STATE, synced: true, ...source }).split('\n');
  for (const line of [
    'kios_clock_synced 1',
    'kios_clock_offset_seconds -1.2e-7',
    'kios_clock_max_error_seconds 0.004',
    'kios_clock_stratum 3',
    'kios_clock_source_info{source="2001:db8::1"} 1',
  ])
    expect(lines).toContain(line);
});

it('a name that is no address stays inside its quotes', () => {
  expect(formatMetrics({ ...STATE, source: 'a"} 1\n\\' })).toContain(
    String.raw`{source="a\"} 1\n\\"} 1`,
  );
});

const VECTOR = path.join(
  import.meta.dirname,
  '../../../../../packages/host-api/vectors/metrics.json',
);
const Vector = v.object({ 'clock.prom': v.record(v.string(), v.array(v.string())) });

it('the metrics are those that the alerts of examples/monitoring are written for', async () => {
  const { 'clock.prom': wanted } = v.parse(Vector, JSON.parse(await readFile(VECTOR, 'utf8')));
  const source = { source: 'a', stratum: 3, offset: 1, maxError: 2 };
  const lines = formatMetrics({ ...STATE, synced: true, ...source }).matchAll(/^(\w+)(?:\{(\w+)=.*\})? /gm); // prettier-ignore
  const got = [...lines].map(([, name, label]) => [name, label === undefined ? [] : [label]]);
  expect(Object.fromEntries(got)).toEqual(wanted);
});
