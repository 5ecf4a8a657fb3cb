/** A range of values along an axis. */
export interface Scale {
  /** Values to mark, in ascending order. */
  readonly ticks: readonly number[];
  /** Returns where a value lies: 0 is the axis' begin, 1 its end. */
  readonly at: (value: number) => number;
}

const STEPS = [1, 2, 2.5, 5, 10] as const;

/** Returns the smallest round step that divides `span` into at most `count` parts. */
function roundStep(span: number, count: number): number {
  const least = span / count;
  const power = 10 ** Math.floor(Math.log10(least));
  // A span that is a few times a round step is not to get the next one for an error in the last digit.
  const step = STEPS.find((factor) => factor * power * (1 + 1e-9) >= least) ?? 10;
  return step * power;
}

/** Returns round values in equal steps that enclose 0 and all values. */
export function roundTicks(values: readonly number[], count = 5): number[] {
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  if (low === high) return [0, 1];
  const step = roundStep(high - low, count);
  const [first, last] = [Math.floor(low / step + 1e-9), Math.ceil(high / step - 1e-9)];
  return Array.from({ length: last - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}

/** Returns a scale from 0 over all values on which equal differences are equally long. */
export function linearScale(values: readonly number[]): Scale {
  const ticks = roundTicks(values);
  const [low = 0, high = 1] = [ticks[0], ticks.at(-1)];
  return { ticks, at: (value) => (value - low) / (high - low) };
}

/** Returns a scale over positive values on which equal ratios are equally long; it marks the values themselves. */
export function logScale(values: readonly number[]): Scale {
  const ticks = [...new Set(values)].toSorted((one, other) => one - other);
  const [low = 1, high = 1] = [ticks[0], ticks.at(-1)];
  const span = Math.log(high / low);
  return { ticks, at: (value) => (span === 0 ? 0.5 : Math.log(value / low) / span) };
}
