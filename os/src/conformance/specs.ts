import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as v from 'valibot';

import { readIfThere } from '../workstation/files.ts';
import { CommandError, run } from '../workstation/run.ts';

/** The parts of Ginkgo's JSON report that are read. */
const Report = v.array(
  v.object({
    SpecialSuiteFailureReasons: v.nullish(v.array(v.string())),
    SpecReports: v.nullable(
      v.array(
        v.object({
          ContainerHierarchyTexts: v.nullable(v.array(v.string())),
          LeafNodeType: v.string(),
          LeafNodeText: v.string(),
          State: v.string(),
          /** Nanoseconds. */
          RunTime: v.number(),
          Failure: v.optional(v.object({ Message: v.optional(v.string(), '') })),
        }),
      ),
    ),
  }),
);

/** What came of one spec. */
export interface Outcome {
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'skipped';
  readonly seconds: number;
  /** Why it failed or was skipped; empty when it passed. */
  readonly message: string;
  /** The program did not come to the spec. Its state is `failed`, and that says nothing of the node. */
  readonly notRun?: true;
}

/** Returns the outcome of a spec to which the program did not come. */
export const notRun = (name: string, why: string): Outcome => ({
  name,
  state: 'failed',
  seconds: 0,
  message: `not run: ${why}`,
  notRun: true,
});

const FAILED = new Set(['failed', 'panicked', 'timedout', 'aborted', 'interrupted']);

/** What a run of the program reports. */
export interface SuiteReport {
  /** All specs of the suite in Ginkgo's order. Those that were not selected are skipped without a message. */
  readonly outcomes: readonly Outcome[];
  /** What failed besides specs, such as BeforeSuite; empty when nothing did. */
  readonly fault: string;
}

/** Reads a report of Ginkgo. */
export function readReport(text: string): SuiteReport {
  const suites = v.parse(v.pipe(v.string(), v.parseJson(), Report), text);
  const reports = suites.flatMap(({ SpecReports }) => SpecReports ?? []);
  const others = reports.filter(
    ({ LeafNodeType, State }) => LeafNodeType !== 'It' && FAILED.has(State),
  );
  const faults = [
    ...others.map(({ LeafNodeType, Failure }) => `${LeafNodeType}: ${Failure?.Message ?? ''}`),
    ...suites.flatMap(({ SpecialSuiteFailureReasons }) => SpecialSuiteFailureReasons ?? []),
  ];
  const outcomes = reports
    .filter(({ LeafNodeType }) => LeafNodeType === 'It')
    .map(({ ContainerHierarchyTexts, LeafNodeText, State, RunTime, Failure }): Outcome => ({
      name: [...(ContainerHierarchyTexts ?? []), LeafNodeText].join(' '),
      state: FAILED.has(State) ? 'failed' : State === 'passed' ? 'passed' : 'skipped',
      seconds: RunTime / 1e9,
      message: Failure?.Message ?? '',
    }));
  return { outcomes, fault: faults.join('\n') };
}

/** Returns a pattern of Go's regular expressions that takes these names and no other. */
export const patternOf = (names: readonly string[]): string =>
  `(?:${names.map((name) => name.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)).join('|')})$`;

/** The names of specs. */
export interface Names {
  /** Of the whole suite. */
  readonly all: readonly string[];
  readonly selected: readonly string[];
}

interface Ended {
  /** Undefined when the program left none. */
  readonly report: SuiteReport | undefined;
  /** The end of what it printed. */
  readonly output: string;
  /** Undefined when the program ended well. */
  readonly failure: CommandError | undefined;
}

const LAST_LINES = 6;

/** Kubernetes' own tests. */
export class Suite {
  readonly #program: string;

  constructor(program: string) {
    this.#program = program;
  }

  async #ginkgo(args: readonly string[], signal?: AbortSignal): Promise<Ended> {
    const folder = await mkdtemp(path.join(tmpdir(), 'kios-conformance-'));
    const file = path.join(folder, 'report.json');
    const all = [...args, '--provider=skeleton', '--ginkgo.no-color', `--ginkgo.json-report=${file}`]; // prettier-ignore
    try {
      const { output, failure } = await this.#end(all, signal);
      const text = await readIfThere(file);
      return { report: text === undefined ? undefined : readReport(text), output, failure };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Runs the program to its end. A failed spec makes it fail, and the report says which. */
  async #end(
    args: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<Omit<Ended, 'report'>> {
    try {
      const printed = await run(this.#program, args, signal === undefined ? {} : { signal });
      const output = printed.trim().split('\n').slice(-LAST_LINES).join('\n');
      return { output, failure: undefined };
    } catch (cause) {
      signal?.throwIfAborted();
      if (!(cause instanceof CommandError)) throw cause;
      return { output: cause.message, failure: cause };
    }
  }

  /** Returns the names of all specs, and of those that `focus` takes and `skip` does not, both patterns of Go. */
  async list(focus: string, skip: string): Promise<Names> {
    const { report, output, failure } = await this.#ginkgo([
      '--ginkgo.dry-run',
      `--ginkgo.focus=${focus}`,
      `--ginkgo.skip=${skip}`,
    ]);
    if (report === undefined)
      throw failure ?? new CommandError(this.#program, `it wrote no report: ${output}`);
    const { outcomes } = report;
    return {
      all: outcomes.map(({ name }) => name),
      selected: outcomes.filter(({ state }) => state === 'passed').map(({ name }) => name),
    };
  }

  /**
   * Runs specs by name against a cluster, and returns what came of each. One of which Ginkgo reports nothing, or that
   * it skipped without a reason of the spec's own, was not run: it counts as failed, with what kept it.
   */
  async run(
    names: readonly string[],
    { kubeconfig, kubectl, signal }: { kubeconfig: string; kubectl: string; signal: AbortSignal },
  ): Promise<Outcome[]> {
    const { report, output } = await this.#ginkgo(
      [
        `--kubeconfig=${kubeconfig}`,
        `--kubectl-path=${kubectl}`,
        '--dump-logs-on-failure=false',
        '--disable-log-dump',
        '--ginkgo.timeout=24h',
        `--ginkgo.focus=${patternOf(names)}`,
      ],
      signal,
    );
    const begun = (report?.outcomes ?? []).filter(
      ({ state, message }) => state !== 'skipped' || message !== '',
    );
    const known = new Map(begun.map((outcome) => [outcome.name, outcome]));
    const why = report?.fault || output || 'Ginkgo says nothing of it';
    return names.map((name) => known.get(name) ?? notRun(name, why));
  }
}
