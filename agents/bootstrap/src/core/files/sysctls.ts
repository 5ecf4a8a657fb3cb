import { sysctlFault } from '@kios/host-api/sysctls';

/** Where init reads the settings, relative to /etc, before each start of kubelet. */
export const SYSCTL_FILE = 'kios/sysctl.conf';

export interface CheckedSysctls {
  readonly rows: readonly (readonly [name: string, value: string])[];
  readonly dropped: readonly { readonly name: string; readonly why: string }[];
}

/** Splits a document's settings of the kernel into those that count and those that do not. */
export function checkSysctls(sysctls: Readonly<Record<string, unknown>> = {}): CheckedSysctls {
  const rows: [string, string][] = [];
  const dropped: { name: string; why: string }[] = [];
  for (const [name, given] of Object.entries(sysctls)) {
    const isValue = typeof given === 'string' || typeof given === 'number';
    const value = isValue ? String(given) : '';
    const why = isValue ? sysctlFault(name, value) : 'is neither a number nor a text';
    if (why === undefined) rows.push([name, value.trim()]);
    else dropped.push({ name, why });
  }
  return { rows, dropped };
}
