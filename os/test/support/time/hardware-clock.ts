import * as v from 'valibot';

import { MACHINE_FILES } from '../../../src/lab/qemu/arguments.ts';
import type { Machine } from '../../../src/lab/qemu/machine.ts';
import { qmp } from '../../../src/lab/qemu/qmp.ts';

/** `struct tm`, as QEMU shows it. */
const Tm = v.object({
  tm_year: v.number(),
  tm_mon: v.number(),
  tm_mday: v.number(),
  tm_hour: v.number(),
  tm_min: v.number(),
  tm_sec: v.number(),
});

/** Returns the time of the machine's hardware clock, in Unix milliseconds. The node's kernel shows it to no program. */
export async function hardwareClock({ dir }: Machine): Promise<number> {
  const property = { path: '/machine', property: 'rtc-time' };
  const tm = v.parse(Tm, await qmp(dir, MACHINE_FILES.qmp, 'qom-get', property));
  return Date.UTC(1900 + tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}
