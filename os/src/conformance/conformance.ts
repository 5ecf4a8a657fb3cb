import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { readRecord } from '../build/image/record.ts';
import { buildUpstream, type BuiltProgram } from '../build/sources/upstream/build.ts';
import type { UpNode } from '../lab/bring-up.ts';
import { claimLab } from '../lab/claim-lab.ts';
import { down } from '../lab/down.ts';
import { Registry } from '../lab/registry.ts';
import { workstationArch } from '../workstation/arch.ts';
import type { CommandContext } from '../workstation/command-context.ts';
import { fileSha256 } from '../workstation/digest.ts';
import { distRoot } from '../workstation/paths.ts';
import { formatDuration } from '../workstation/terminal/duration.ts';
import { formatTable } from '../workstation/terminal/table.ts';
import { installAddOns } from './add-ons.ts';
import { type Exception, readExceptions } from './exceptions.ts';
import { testImages } from './images/images.ts';
import { junit } from './junit.ts';
import { startNodes } from './nodes.ts';
import { Results } from './results.ts';
import { type Outcome, sliceOf, Suite } from './specs.ts';
import { runInStreams } from './streams.ts';
import { causeOf, commandLine, firstLine, summary } from './summary.ts';

/** What a run leaves. */
const FOLDER = path.join(distRoot, 'conformance');
/** Specs in one run of the program: what an interruption loses. */
const BATCH = 4;

export interface ConformanceOptions {
  /** Patterns of Go's regular expressions; a spec is run that one of them takes. */
  readonly focus: readonly string[];
  readonly skip: readonly string[];
  readonly slice: number;
  readonly slices: number;
  readonly nodes: 1 | 2;
  /** How many runs of the program go on at a time. */
  readonly parallel: number;
  /** Only names the specs. */
  readonly list: boolean;
  /** Runs those again that are known already. */
  readonly again: boolean;
}

const programOf = (programs: ReadonlyMap<string, BuiltProgram>, name: string): BuiltProgram => {
  const program = programs.get(name);
  if (program === undefined) throw new Error(`no program ${name}`);
  return program;
};

async function startCluster(context: CommandContext, nodes: 1 | 2): Promise<UpNode> {
  const { progress, undo } = context;
  const { layout, tags } = await testImages('amd64', progress);
  const registry = undo.use(new Registry(layout));
  for (const [name, digest] of tags) registry.tags.set(name, digest);
  const port = Number(new URL(await registry.listen()).port);
  const up = await startNodes(context, { nodes, registryPort: port });
  const { apiPort } = up.controlPlane;
  await progress.task('kube-proxy, CoreDNS and a way to pods', () =>
    installAddOns(up.kubectl, { apiPort, nodeName: up.nodeName }),
  );
  return up;
}

/** Prints what came of the specs, and throws when one failed that no exception names. */
function report(
  { print }: CommandContext,
  outcomes: readonly Outcome[],
  exceptions: readonly Exception[],
): void {
  const of = (state: Outcome['state']) => outcomes.filter((outcome) => outcome.state === state);
  const rows = [...of('failed'), ...of('skipped')].map((outcome) => [
    outcome.state,
    outcome.name,
    causeOf(exceptions, outcome) ?? firstLine(outcome.message),
  ]);
  for (const line of formatTable(rows)) print(line);
  for (const outcome of of('passed'))
    if (causeOf(exceptions, outcome) !== undefined)
      print(`passed     ${outcome.name}: remove its line from exceptions.yaml`);
  const failed = of('failed');
  const known = failed.filter((outcome) => causeOf(exceptions, outcome) !== undefined).length;
  print(`${of('passed').length} passed, ${failed.length} failed, ${known} of them as expected, ${of('skipped').length} skipped`); // prettier-ignore
  if (failed.length > known)
    throw new KiosError(
      'KIOS_CONFORMANCE',
      `pass Kubernetes’ tests: ${failed.length - known} failed`,
      {
        exitCode: EXIT.data,
        remedy: 'Read the causes above, and dist/conformance/junit.xml.',
      },
    );
}

/** Writes the outcomes for programs and for people. */
async function leave(
  { version, image }: { readonly version: string; readonly image: string },
  outcomes: readonly Outcome[],
  exceptions: readonly Exception[],
): Promise<void> {
  const { commit = 'unknown', changed = false } = (await readRecord(path.dirname(image))) ?? {};
  const tested = changed ? `${commit} with changes` : commit;
  const page = summary(
    { command: commandLine(process.argv.slice(2)), commit: tested, date: new Date(), version },
    outcomes,
    exceptions,
  );
  await mkdir(FOLDER, { recursive: true });
  await writeFile(path.join(FOLDER, 'junit.xml'), junit(outcomes));
  await writeFile(path.join(FOLDER, 'summary.md'), page);
}

/** Runs specs, tells how far it is, and keeps what came of each batch. */
async function runSpecs(
  names: readonly string[],
  parallel: number,
  results: Results,
  {
    note,
    run,
  }: {
    readonly note: (detail: string) => void;
    readonly run: (names: readonly string[]) => Promise<Outcome[]>;
  },
): Promise<void> {
  const start = Date.now();
  let [done, failed] = [0, 0];
  await runInStreams(names, { streams: parallel, batch: BATCH }, async (batch) => {
    const took = formatDuration(Date.now() - start);
    note(`${done} of ${names.length}, ${failed} failed, ${took}: ${batch[0]}`);
    const outcomes = await run(batch);
    done += batch.length;
    failed += outcomes.filter(({ state }) => state === 'failed').length;
    await results.add(outcomes);
  });
}

/** `kios conformance`: runs Kubernetes' own tests against a node and leaves nothing running. */
export async function conformance(
  context: CommandContext,
  { focus, skip, slice, slices, nodes, parallel, list, again }: ConformanceOptions,
): Promise<void> {
  const { progress, signal, print } = context;
  const programs = await buildUpstream(['e2e.test', 'kubectl'], workstationArch(), progress);
  const suite = new Suite(programOf(programs, 'e2e.test').path);
  const all = await suite.list(`(?:${focus.join('|')})`, skip.join('|'));
  const chosen = sliceOf(all.toSorted(), slice, slices);
  if (list) {
    for (const name of chosen) print(name);
    return;
  }
  using _ = await claimLab();
  const up = await startCluster(context, nodes);
  const key = `${programOf(programs, 'e2e.test').sha256} ${await fileSha256(up.image)} ${nodes}`;
  const results = await Results.open(FOLDER, key);
  const due = chosen.filter((name) => again || results.get(name)?.state !== 'passed');
  const cluster = {
    kubeconfig: up.controlPlane.adminKubeconfig,
    kubectl: programOf(programs, 'kubectl').path,
    signal,
  };
  await progress.task(`${due.length} of ${chosen.length} specs`, (note) =>
    runSpecs(due, parallel, results, { note, run: (names) => suite.run(names, cluster) }),
  );
  const outcomes = chosen.flatMap((name) => results.get(name) ?? []);
  const exceptions = await readExceptions();
  const { version } = programOf(programs, 'e2e.test');
  await leave({ version, image: up.image }, outcomes, exceptions);
  await context.undo.disposeAsync();
  await down(progress, { purge: true });
  report(context, outcomes, exceptions);
}
