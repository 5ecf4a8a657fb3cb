import { FLOOR_FILES, readFloor } from '@kios/clock';
import { EXIT, KiosError } from '@kios/errors';

interface FloorArgs {
  readonly floor: string;
  readonly saved: string;
}

/** Returns the time, in milliseconds, before which the clock is certainly wrong. */
export async function floorOf({ floor, saved }: FloorArgs): Promise<number> {
  if (floor === 'auto') return readFloor({ ...FLOOR_FILES, saved });
  const time = Date.parse(floor);
  if (!Number.isNaN(time)) return time;
  throw new KiosError('KIOS_USAGE', `use --floor ${floor}: it is not a time`, {
    exitCode: EXIT.usage,
    remedy: 'Give a time as 2026-11-01T00:00:00Z.',
  });
}
