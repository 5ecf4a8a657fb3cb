import type { TimeState } from '@kios/node-state';

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly value: (state: TimeState) => number | undefined;
}

const METRICS: readonly Metric[] = [
  {
    name: 'sane',
    help: 'Whether the clock can be right: certificates can be checked.',
    value: ({ sane }) => Number(sane),
  },
  {
    name: 'synced',
    help: 'Whether a time source disciplines the clock.',
    value: ({ synced }) => Number(synced),
  },
  {
    name: 'offset_seconds',
    help: 'Seconds by which the time source is ahead of the clock.',
    value: ({ offset }) => offset,
  },
  {
    name: 'max_error_seconds',
    help: "The kernel's bound on the error of the clock.",
    value: ({ maxError }) => maxError,
  },
  {
    name: 'stratum',
    help: 'Steps from the time source to a reference clock.',
    value: ({ stratum }) => stratum,
  },
  {
    name: 'epoch',
    help: 'Steps of the clock by more than 15 minutes since the boot.',
    value: ({ epoch }) => epoch,
  },
];

/** Whatever a source's name has, it stays inside its quotes. */
const quote = (text: string): string =>
  `"${text.replaceAll(/[\\"]/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`)}"`;

const block = (name: string, help: string, sample: string): string =>
  `# HELP kios_clock_${name} ${help}\n# TYPE kios_clock_${name} gauge\nkios_clock_${name}${sample}\n`;

/** Formats the state of the clock in Prometheus' text format 0.0.4. What is not known is left out. */
export function formatMetrics(state: TimeState): string {
  const blocks = METRICS.flatMap(({ name, help, value }) => {
    const known = value(state);
    return known === undefined ? [] : [block(name, help, ` ${known}`)];
  });
  const { source } = state;
  const named =
    source === undefined
      ? []
      : [
          block(
            'source_info',
            'The time source that the clock follows.',
            `{source=${quote(source)}} 1`,
          ),
        ];
  return [...blocks, ...named].join('');
}
