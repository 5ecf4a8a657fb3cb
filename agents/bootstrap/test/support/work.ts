import { Session } from 'node:inspector/promises';

/** Returns how often functions were called since the last look. */
async function takeCalls(session: Session): Promise<number> {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  return result
    .flatMap(({ functions }) => functions)
    .reduce((sum, { ranges }) => sum + (ranges[0]?.count ?? 0), 0);
}

/** Counts the characters that regular expressions walk over, until `end`. */
function countWalked(): { readonly walked: () => number; readonly end: () => void } {
  // Every method that takes an expression calls this one.
  const { exec } = RegExp.prototype; // oxlint-disable-line unbound-method
  const replace = (by: typeof exec) => Reflect.set(RegExp.prototype, 'exec', by);
  let walked = 0;
  replace(function count(this: RegExp, text: string) {
    const start = this.lastIndex;
    const match = exec.call(this, text);
    // A sticky expression looks at one place alone.
    const last = this.sticky ? start + 1 : text.length;
    walked += (match === null ? last : match.index + match[0].length) - start;
    return match;
  });
  return { walked: () => walked, end: () => void replace(exec) };
}

/**
 * Returns how much a program does: the calls of functions, and the characters that regular expressions walk over. It
 * is the same on every machine, as no time is.
 */
export async function workOf(run: () => unknown): Promise<number> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  const { walked, end } = countWalked();
  try {
    await takeCalls(session);
    await run();
    return walked() + (await takeCalls(session));
  } finally {
    end();
    await session.post('Profiler.stopPreciseCoverage');
    session.disconnect();
  }
}
