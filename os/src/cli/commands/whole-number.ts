import { usageError } from '../../workstation/usage-error.ts';

/** Throws unless the value of an option is a whole number in its range. */
export function checkWhole(
  name: string,
  value: number,
  least = 1,
  most = Number.MAX_SAFE_INTEGER,
): true {
  if (Number.isInteger(value) && value >= least && value <= most) return true;
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`;
  throw usageError(`use --${name} ${value}`, `Give a whole number, ${range}.`);
}
