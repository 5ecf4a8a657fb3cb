import { EXIT, KiosError } from '@kios/errors';

/** The kernel's MODULE_NAME_LEN less the final NUL. */
const MAX_NAME = 56 - 1;

const SET_OR_DASH = /\[[^\]]*\]|-/g;

/** Two spellings of a name or alias are one: `-` is `_`, but not inside brackets. Undefined if the brackets do not match. */
export function normalise(alias: string): string | undefined {
  // Nearly all need no work, and an index has thousands.
  if (!/[-[\]]/.test(alias)) return alias;
  const hasStray = /[[\]]/.test(alias.replaceAll(SET_OR_DASH, ''));
  if (hasStray) return undefined;
  return alias.replaceAll(SET_OR_DASH, (part) => (part === '-' ? '_' : part));
}

/** A module name as the kernel has it, from the path of its file. */
export function nameOfFile(file: string): string {
  const base = file.slice(file.lastIndexOf('/') + 1);
  const end = base.indexOf('.ko');
  return (end < 0 ? base : base.slice(0, end)).replaceAll('-', '_');
}

/** Refuses what can be no module name or alias before it reaches a path or the kernel. */
export function checkName(name: string): void {
  const fault = nameFault(name);
  if (fault === undefined) return;
  const shown = JSON.stringify(name.slice(0, 80));
  throw new KiosError('KIOS_MODULE_NAME', `use ${shown} as a module name: ${fault}`, {
    exitCode: EXIT.data,
  });
}

function nameFault(name: string): string | undefined {
  if (name === '' || name.length > MAX_NAME) return `it must have 1 to ${MAX_NAME} characters`;
  if (!/^[\x21-\x7e]+$/.test(name)) return 'it must be visible ASCII';
  if (name.includes('/') || name.includes('..')) return 'it must not be a path';
  return normalise(name) === undefined ? 'its brackets do not match' : undefined;
}
