/** One structured log line on the console (docs/host-api.md, section 7). */
export interface ConsoleEvent {
  readonly agent: string;
  readonly ev: string;
  readonly lvl: string;
  /** Seconds since the guest's kernel started; NaN when the line has none. */
  readonly up: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Returns the event on a console line; undefined for output of firmware and kernel. Skips bytes before the object. */
export function parseConsoleLine(line: string): ConsoleEvent | undefined {
  const start = line.indexOf('{"');
  if (start < 0) return undefined;
  let fields: unknown;
  try {
    fields = JSON.parse(line.slice(start));
  } catch {
    return undefined;
  }
  if (!isRecord(fields) || typeof fields['ev'] !== 'string') return undefined;
  const up = typeof fields['up'] === 'number' ? fields['up'] : Number.NaN;
  return {
    agent: text(fields['agent']),
    ev: fields['ev'],
    lvl: text(fields['lvl']),
    up,
    fields,
  };
}
