import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as v from 'valibot';

import { CommandError, run } from '../workstation/run.ts';

/** The parts of Ginkgo's JSON report that are read. */
const Report = v.array(
  v.object({
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
}

const FAILED = new Set(['failed', 'panicked', 'timedout', 'aborted', 'interrupted']);

/** Reads a report of Ginkgo: the specs that were selected, in its order. */
export function readReport(text: string): Outcome[] {
  return v
    .parse(v.pipe(v.string(), v.parseJson(), Report), text)
    .flatMap(({ SpecReports }) => SpecReports ?? [])
    .filter(({ LeafNodeType }) => LeafNodeType === 'It')
    .map(({ ContainerHierarchyTexts, LeafNodeText, State, RunTime, Failure }) => ({
      name: [...(ContainerHierarchyTexts ?? []), LeafNodeText].join(' '),
      state: FAILED.has(State) ? 'failed' : State === 'passed' ? 'passed' : 'skipped',
      seconds: RunTime / 1e9,
      message: Failure?.Message ?? '',
    }));
}

/** Returns a pattern of Go's regular expressions that takes these names and no other. */
export const patternOf = (names: readonly string[]): string =>
  `(?:${names.map((name) => name.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)).join('|')})$`;

/** Kubernetes' own tests. */
export class Suite {
  readonly #program: string;

  constructor(program: string) {
    this.#program = program;
  }

  async #ginkgo(args: readonly string[], signal?: AbortSignal): Promise<Outcome[]> {
    const folder = await mkdtemp(path.join(tmpdir(), 'kios-conformance-'));
    const report = path.join(folder, 'report.json');
    const all = [
      ...args,
      '--provider=skeleton',
      '--ginkgo.no-color',
      `--ginkgo.json-report=${report}`,
    ];
    try {
      try {
        await run(this.#program, all, signal === undefined ? {} : { signal });
      } catch (cause) {
        signal?.throwIfAborted();
        // A failed spec makes the program fail, and the report says which.
        if (!(cause instanceof CommandError) || !existsSync(report)) throw cause;
      }
      return readReport(await readFile(report, 'utf8'));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Returns the names of the specs that `focus` takes and `skip` does not, both patterns of Go. */
  async list(focus: string, skip: string): Promise<string[]> {
    const outcomes = await this.#ginkgo([
      '--ginkgo.dry-run',
      `--ginkgo.focus=${focus}`,
      `--ginkgo.skip=${skip}`,
    ]);
    return outcomes.filter(({ state }) => state === 'passed').map(({ name }) => name);
  }

  /** Runs specs by name against a cluster. */
  async run(
    names: readonly string[],
    { kubeconfig, kubectl, signal }: { kubeconfig: string; kubectl: string; signal: AbortSignal },
  ): Promise<Outcome[]> {
    const wanted = new Set(names);
    const outcomes = await this.#ginkgo(
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
    return outcomes.filter(({ name }) => wanted.has(name));
  }
}

/** Returns part `slice` of `slices`, counted from 1. Neighbours go to different parts: each has some of all areas. */
export const sliceOf = <T>(all: readonly T[], slice: number, slices: number): T[] =>
  all.filter((_, index) => index % slices === slice - 1);
