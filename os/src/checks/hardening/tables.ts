import type { AcceptedFailure } from './accepted.ts';
import type { Probe } from './probes.ts';

const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(...head), row(...head.map(() => '---')), ...rows.map((cells) => row(...cells))].join('\n');

/** Formats the attempts that are denied, for docs/kernel.md. */
export const deniedTable = (probes: readonly Probe[]): string =>
  table(
    ['attempt', 'our kernel', 'Debian’s', 'test'],
    probes
      .filter(({ allowedBy }) => allowedBy === undefined)
      .map(({ name, attempt, kios, debian }) => [attempt, kios, debian, name]),
  );

/** Formats the attempts that are allowed, for docs/kernel.md. */
export const allowedTable = (probes: readonly Probe[]): string =>
  table(
    ['attempt', 'allowed by', 'test'],
    probes.flatMap(({ name, attempt, allowedBy }) =>
      allowedBy === undefined ? [] : [[attempt, allowedBy, name]],
    ),
  );

/** Formats the accepted failures of the hardening checker, for docs/kernel.md. */
export const failureTable = (accepted: readonly AcceptedFailure[]): string =>
  table(
    ['check', 'of', 'why it stays'],
    accepted.map(({ option, type, only, reason }) => [
      `\`${option}\``,
      only === undefined ? type : `${type}, ${only}`,
      reason,
    ]),
  );
