import { stripVTControlCharacters } from 'node:util';

/** One structured log line on the console (docs/host-api.md, section 7). */
export interface ConsoleEvent {
  readonly agent: string;
  readonly ev: string;
  readonly lvl: string;
  /** Seconds since the guest's kernel started; NaN when the line has none. */
  readonly up: number;
  /** Who sent the line, as init found out; absent for init's own. */
  readonly sender?: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const SENDER = String.raw`pod [a-z0-9./-]+|process \d+`;
const SENT = new RegExp(`(${SENDER}): $`);
const SOMEBODYS = new RegExp(`(?:^|[^a-z0-9])(?:${SENDER}|kubelet|containerd): `);

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Says whether init printed the line for somebody else. */
export const isSent = (line: string): boolean => SOMEBODYS.test(stripVTControlCharacters(line));

/** Returns the sender at the end of the text before an object; undefined when that text is somebody's own words. */
function readSender(before: string): { sender?: string } | undefined {
  const shown = stripVTControlCharacters(before);
  const [whole = '', sender] = SENT.exec(shown) ?? [];
  if (SOMEBODYS.test(shown.slice(0, shown.length - whole.length))) return undefined;
  return sender === undefined ? {} : { sender };
}

/**
 * Returns the event on a console line; undefined for output of firmware and kernel, and for a line that pretends to be
 * init's. Skips what firmware printed before it.
 */
export function parseConsoleLine(line: string): ConsoleEvent | undefined {
  const start = line.indexOf('{"');
  if (start < 0) return undefined;
  const from = readSender(line.slice(0, start));
  if (from === undefined) return undefined;
  let fields: unknown;
  try {
    fields = JSON.parse(line.slice(start));
  } catch {
    return undefined;
  }
  if (!isRecord(fields) || typeof fields['ev'] !== 'string') return undefined;
  const agent = text(fields['agent']);
  if (agent === 'init' && from.sender !== undefined) return undefined;
  const up = typeof fields['up'] === 'number' ? fields['up'] : Number.NaN;
  return { agent, ev: fields['ev'], lvl: text(fields['lvl']), up, ...from, fields };
}
