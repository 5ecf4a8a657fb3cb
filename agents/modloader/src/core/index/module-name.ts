import { EXIT, KiosError } from '@kios/errors';

/** The kernel's MODULE_NAME_LEN without the final NUL. */
const MAX_NAME = 56 - 1;
/** The alias of a device says much about it; the kernel gives it one page. */
const MAX_ALIAS = 4096;

const SET_OR_DASH = /\[[^\]]*\]|-/g;

/** Replaces `-` by `_` outside brackets, as both spell one name or alias. Returns undefined for unbalanced brackets. */
export function normalise(alias: string): string | undefined {
  // A short cut: an index has thousands of aliases, and nearly all are normal.
  if (!/[-[\]]/.test(alias)) return alias;
  const hasStray = /[[\]]/.test(alias.replaceAll(SET_OR_DASH, ''));
  if (hasStray) return undefined;
  return alias.replaceAll(SET_OR_DASH, (part) => (part === '-' ? '_' : part));
}

/** Returns the kernel's name of a module from the path of its file. */
export function nameOfFile(file: string): string {
  const base = file.slice(file.lastIndexOf('/') + 1);
  const end = base.indexOf('.ko');
  return (end < 0 ? base : base.slice(0, end)).replaceAll('-', '_');
}

/** Fails for text that cannot be a module name or alias, before it reaches a path or the kernel. */
export function checkName(name: string): void {
  const fault = nameFault(name);
  if (fault === undefined) return;
  const shown = JSON.stringify(name.slice(0, 80));
  throw new KiosError('KIOS_MODULE_NAME', `use ${shown} as a module name: ${fault}`, {
    exitCode: EXIT.data,
  });
}

function nameFault(name: string): string | undefined {
  const max = name.includes(':') ? MAX_ALIAS : MAX_NAME;
  if (name === '' || name.length > max) return `it must have 1 to ${max} characters`;
  if (!/^[\x21-\x7e]+$/.test(name)) return 'it must be visible ASCII';
  if (name.includes('/') || name.includes('..')) return 'it must not be a path';
  return normalise(name) === undefined ? 'its brackets are unbalanced' : undefined;
}
