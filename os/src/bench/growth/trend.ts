/** A straight line through measured points: what is there at 0, and what each unit of x adds. */
export interface Trend {
  readonly start: number;
  readonly slope: number;
  /** Standard error of the slope; 0 when all points lie on the line. */
  readonly error: number;
}

type Point = readonly [x: number, y: number];

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Returns the line of least squares; undefined without two places. */
export function trendOf(points: readonly Point[]): Trend | undefined {
  const [atX, atY] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const spread = points.reduce((sum, [x]) => sum + (x - atX) ** 2, 0);
  if (points.length < 2 || spread === 0) return undefined;
  const slope = points.reduce((sum, [x, y]) => sum + (x - atX) * (y - atY), 0) / spread;
  const start = atY - slope * atX;
  const rest = points.reduce((sum, [x, y]) => sum + (y - start - slope * x) ** 2, 0);
  const error = points.length > 2 ? Math.sqrt(rest / (points.length - 2) / spread) : 0;
  return { start, slope, error };
}

/** A growth over some time, and its standard error. */
export interface Growth {
  readonly growth: number;
  readonly error: number;
}

/** Returns how much a value grows in `span` units of x if it goes on as it did. */
export function extrapolate(points: readonly Point[], span: number): Growth | undefined {
  const trend = trendOf(points);
  return trend === undefined
    ? undefined
    : { growth: trend.slope * span, error: trend.error * span };
}
