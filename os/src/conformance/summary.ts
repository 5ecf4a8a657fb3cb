import type { Outcome } from './specs.ts';

/** What was tested. */
export interface Run {
  readonly command: string;
  /** Of the repository. */
  readonly commit: string;
  readonly date: Date;
  /** Version of Kubernetes. */
  readonly version: string;
}

/** Why specs of the suite do not pass here, by their names. */
export type Causes = ReadonlyMap<string, string>;

/** Returns why a spec does not pass, if that is known. It is no reason for one that was not run. */
export const causeOf = (causes: Causes, { name, notRun }: Outcome): string | undefined =>
  notRun === true ? undefined : causes.get(name);

export const firstLine = (text: string): string => text.trim().split('\n')[0] ?? '';

/** Returns a command of this program as it is typed in a shell. */
export const commandLine = (args: readonly string[]): string =>
  ['./kios', ...args.map((arg) => (/^[\w./:=@-]+$/.test(arg) ? arg : `'${arg}'`))].join(' ');

const areaOf = ({ name }: Outcome): string => /^\[(sig-[\w-]+)\]/.exec(name)?.[1] ?? 'other';

const STATES = ['passed', 'failed', 'skipped'] as const;

const row = (cells: readonly (string | number)[]): string =>
  `| ${cells.map((cell) => String(cell).replaceAll('|', String.raw`\|`)).join(' | ')} |`;

const counts = (outcomes: readonly Outcome[]): number[] =>
  STATES.map((state) => outcomes.filter((outcome) => outcome.state === state).length);

/** Returns a page of Markdown: what was tested, numbers by area, and each spec that did not pass with its cause. */
export function summary(
  { command, commit, date, version }: Run,
  outcomes: readonly Outcome[],
  causes: Causes,
): string {
  const areas = Map.groupBy(outcomes, areaOf);
  const others = outcomes.filter(({ state }) => state !== 'passed');
  return [
    '# Kubernetes’ own tests: the last run',
    '',
    `\`${command}\`, Kubernetes ${version}, commit ${commit}, ${date.toISOString().slice(0, 10)}`,
    '',
    row(['area', ...STATES]),
    row(['---', '---', '---', '---']),
    ...[...areas.keys()].toSorted().map((area) => row([area, ...counts(areas.get(area) ?? [])])),
    row(['all', ...counts(outcomes)]),
    '',
    ...(others.length === 0
      ? []
      : [row(['not passed', 'spec', 'cause']), row(['---', '---', '---'])]),
    ...others.map((outcome) =>
      row([outcome.state, outcome.name, causeOf(causes, outcome) ?? firstLine(outcome.message)]),
    ),
    '',
  ].join('\n');
}
