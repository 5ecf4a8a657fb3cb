import type { Plot } from '../plot/svg.ts';

/** Names of the series, in the order in which they are measured: short ones first. */
export const SERIES_NAMES = [
  'memory',
  'cards',
  'pods',
  'modules',
  'images',
  'density',
  'idle',
] as const;
export type SeriesName = (typeof SERIES_NAMES)[number];

/** What was measured at one place of a series' axis, by name. */
export interface Sample {
  readonly x: number;
  readonly values: Readonly<Record<string, number>>;
}

/** What one step found: samples, and what belongs to no place of the axis. */
export interface Found {
  readonly samples: readonly Sample[];
  readonly details?: Readonly<Record<string, unknown>>;
  /** Rows that show the details. */
  readonly rows?: readonly (readonly string[])[];
}

/** A part of a series that is measured in one go. An interrupted run goes on with the first that is missing. */
export interface Step {
  readonly key: string;
  readonly measure: () => Promise<Found>;
}

interface Line {
  readonly name: string;
  /** Returns the line's height at a sample; undefined where it has none. */
  readonly valueOf: (sample: Sample, all: readonly Sample[]) => number | undefined;
}

interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
}

/** How a series is shown. */
export interface View {
  readonly title: string;
  readonly x: Plot['x'];
  readonly panels: readonly Panel[];
}

/** A measurement of how a cost grows. */
export interface Series {
  readonly view: View;
  readonly steps: readonly Step[];
}

/** Returns the line of a value as it was measured. */
export const measured = (name: string, value: string): Line => ({
  name,
  valueOf: ({ values }) => values[value],
});

/** Joins samples of one place, and sorts by place. Of two values of one name the later counts. */
export function mergeSamples(samples: readonly Sample[]): Sample[] {
  const places = new Map<number, Record<string, number>>();
  for (const { x, values } of samples) places.set(x, { ...places.get(x), ...values });
  return [...places]
    .map(([x, values]) => ({ x, values }))
    .toSorted((one, other) => one.x - other.x);
}

/** Returns the plot of a series. */
export function plotOf(view: View, samples: readonly Sample[], caption: string): Plot {
  return {
    title: view.title,
    caption,
    x: view.x,
    panels: view.panels.map(({ title, lines }) => ({
      title,
      lines: lines.map(({ name, valueOf }) => ({
        name,
        points: samples.flatMap((sample) => {
          const value = valueOf(sample, samples);
          return value === undefined || !Number.isFinite(value) ? [] : [[sample.x, value] as const];
        }),
      })),
    })),
  };
}

/** Returns the rows of a series' table: each line of each panel is a column. */
export function rowsOf({ x, panels }: View, samples: readonly Sample[]): string[][] {
  const lines = panels.flatMap(({ title, lines: all }) =>
    all.map((line) => ({ ...line, head: `${line.name}: ${title}` })),
  );
  return [
    [x.title, ...lines.map(({ head }) => head)],
    ...samples.map((sample) => [
      String(sample.x),
      ...lines.map(({ valueOf }) => {
        const value = valueOf(sample, samples);
        return value === undefined || !Number.isFinite(value)
          ? '-'
          : String(Number(value.toPrecision(4)));
      }),
    ]),
  ];
}
