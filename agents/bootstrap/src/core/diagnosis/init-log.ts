import * as v from 'valibot';

import type { Said } from './signs.ts';

/** Faults of a boot that last until the next one. */
const LASTING: ReadonlySet<string> = new Set([
  'KIOS_INIT_DATA',
  'KIOS_INIT_DATA_TWICE',
  'KIOS_INIT_CRYPT_MAKE',
  'KIOS_INIT_CRYPT_SYSTEM',
  'KIOS_INIT_CRYPT_WORDS',
  'KIOS_INIT_CRYPT_TPM',
  'KIOS_INIT_CRYPT_HEADER',
  'KIOS_INIT_STORE',
]);

const Line = v.object({ code: v.string(), cause: v.string(), remedy: v.optional(v.string()) });

/** Returns the fault that a line of init's log has, if it lasts. */
export function saidIn(line: string): Said | undefined {
  if (!line.includes('"code":"KIOS_INIT_')) return undefined;
  try {
    const { code, cause, remedy } = v.parse(Line, JSON.parse(line));
    if (!LASTING.has(code)) return undefined;
    return { code, cause, ...(remedy === undefined ? {} : { remedy }) };
  } catch {
    return undefined;
  }
}
