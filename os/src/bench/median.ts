/** Rounds to a tenth. */
export const tenths = (value: number): number => Math.round(value * 10) / 10;

/** Returns the median, rounded to a tenth. */
export const median = (values: readonly number[]): number =>
  tenths(values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN);
