import * as v from 'valibot';

const Line = v.object({ text: v.string() });

/** Returns what a program wrote, from the line that init makes of it (docs/logs.md), or undefined for another line. */
export function textIn(line: string): string | undefined {
  try {
    return v.parse(Line, JSON.parse(line)).text;
  } catch {
    return undefined;
  }
}
