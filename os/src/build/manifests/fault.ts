import { EXIT, KiosError } from '@kios/errors';

/** A fault of a manifest. */
export interface Fault {
  /** A path in it, such as `spec.containers[0].image`; empty for a fault of the whole text. */
  readonly path: string;
  readonly cause: string;
  /** What to do, where the cause does not say it. */
  readonly advice?: string;
  /** Counted from 1, where the place is known. */
  readonly line?: number;
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Returns what a value is, in the words of Kubernetes' description of its API. */
export function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  if (Number.isInteger(value)) return 'integer';
  return typeof value;
}

const textOf = ({ path, cause, advice }: Fault): string =>
  `${path === '' ? '' : `${path}: `}${cause}${advice === undefined ? '' : `; ${advice}`}`;

/** Returns the fault of a file as one line, such as `pods/a.yaml:7: spec.hostNetwork: must not be true; …`. */
export const faultLine = (file: string, fault: Fault): string =>
  `${file}${fault.line === undefined ? '' : `:${fault.line}`}: ${textOf(fault)}`;

/** Returns a fault where the file is known, such as `line 7: spec.hostNetwork: must not be true`. */
export const faultText = (fault: Fault): string =>
  `${fault.line === undefined ? '' : `line ${fault.line}: `}${textOf(fault)}`;

/** Returns the error for `what`, of which each line names a fault. */
export const refusal = (
  code: string,
  what: string,
  lines: readonly string[],
  remedy: string,
): KiosError =>
  new KiosError(
    code,
    lines.length === 1
      ? `use ${lines[0]}`
      : `use ${what}: ${lines.length} faults\n${lines.join('\n')}`,
    { exitCode: EXIT.data, remedy },
  );
