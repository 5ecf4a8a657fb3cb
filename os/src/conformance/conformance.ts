import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { readRecord } from '../build/image/record.ts';
import { buildUpstream, type BuiltProgram } from '../build/sources/upstream/build.ts';
import { buildForLab, type UpNode } from '../lab/bring-up.ts';
import { claimLab } from '../lab/claim-lab.ts';
import { down } from '../lab/down.ts';
import { Registry } from '../lab/registry.ts';
import { workstationArch } from '../workstation/arch.ts';
import type { CommandContext } from '../workstation/command-context.ts';
import { fileSha256 } from '../workstation/digest.ts';
import { distRoot } from '../workstation/paths.ts';
import { formatTable } from '../workstation/terminal/table.ts';
import { installAddOns } from './add-ons.ts';
import { chooseSpecs, type Selection } from './choose.ts';
import { readExceptions } from './exceptions.ts';
import { testImages } from './images/images.ts';
import { junit } from './junit.ts';
import { startNodes } from './nodes.ts';
import { Results } from './results.ts';
import { runSpecs } from './run-specs.ts';
import { type Outcome, Suite } from './specs.ts';
import { causeOf, type Causes, commandLine, firstLine, summary } from './summary.ts';

/** What a run leaves. */
const FOLDER = path.join(distRoot, 'conformance');

export interface ConformanceOptions extends Selection {
  readonly nodes: 1 | 2;
  /** How many runs of the program go on at a time. */
  readonly parallel: number;
  /** Only names the specs. */
  readonly list: boolean;
  /** Forgets the results that there are of these specs. */
  readonly again: boolean;
}

const programOf = (programs: ReadonlyMap<string, BuiltProgram>, name: string): BuiltProgram => {
  const program = programs.get(name);
  if (program === undefined) throw new Error(`no program ${name}`);
  return program;
};

async function startCluster(context: CommandContext, image: string, nodes: 1 | 2): Promise<UpNode> {
  const { progress, undo } = context;
  const { layout, tags } = await testImages('amd64', progress);
  const registry = undo.use(new Registry(layout));
  for (const [name, digest] of tags) registry.tags.set(name, digest);
  const port = Number(new URL(await registry.listen()).port);
  const up = await startNodes(context, { image, nodes, registryPort: port });
  const { apiPort } = up.controlPlane;
  await progress.task('kube-proxy, CoreDNS and a way to pods', () =>
    installAddOns(up.kubectl, { apiPort, nodeName: up.nodeName }),
  );
  return up;
}

/** Prints what came of the specs, and throws when one failed that no exception names. */
function report({ print }: CommandContext, outcomes: readonly Outcome[], causes: Causes): void {
  const of = (state: Outcome['state']) => outcomes.filter((outcome) => outcome.state === state);
  const rows = [...of('failed'), ...of('skipped')].map((outcome) => [
    outcome.state,
    outcome.name,
    causeOf(causes, outcome) ?? firstLine(outcome.message),
  ]);
  for (const line of formatTable(rows)) print(line);
  for (const outcome of of('passed'))
    if (causeOf(causes, outcome) !== undefined)
      print(`passed     ${outcome.name}: remove its line from exceptions.yaml`);
  const failed = of('failed');
  const known = failed.filter((outcome) => causeOf(causes, outcome) !== undefined).length;
  print(`${of('passed').length} passed, ${failed.length} failed, ${known} of them as expected, ${of('skipped').length} skipped`); // prettier-ignore
  if (failed.length > known)
    throw new KiosError(
      'KIOS_CONFORMANCE',
      `pass Kubernetes’ tests: ${failed.length - known} failed`,
      {
        exitCode: EXIT.data,
        remedy:
          'Read the causes above, and dist/conformance/junit.xml; --again runs specs once more.',
      },
    );
}

/** Writes the outcomes for programs and for people. */
async function leave(
  { version, image }: { readonly version: string; readonly image: string },
  outcomes: readonly Outcome[],
  causes: Causes,
): Promise<void> {
  const { commit = 'unknown', changed = false } = (await readRecord(path.dirname(image))) ?? {};
  const tested = changed ? `${commit} with changes` : commit;
  const page = summary(
    { command: commandLine(process.argv.slice(2)), commit: tested, date: new Date(), version },
    outcomes,
    causes,
  );
  await mkdir(FOLDER, { recursive: true });
  await writeFile(path.join(FOLDER, 'junit.xml'), junit(outcomes));
  await writeFile(path.join(FOLDER, 'summary.md'), page);
}

/** What runs the specs. */
interface Programs {
  readonly suite: Suite;
  readonly kubectl: string;
}

/** Starts the cluster, and runs specs in it. */
async function runDue(
  context: CommandContext,
  { suite, kubectl }: Programs,
  due: readonly string[],
  {
    image,
    nodes,
    parallel,
    results,
  }: Pick<ConformanceOptions, 'nodes' | 'parallel'> & {
    readonly image: string;
    readonly results: Results;
  },
): Promise<void> {
  const { progress, signal } = context;
  const { controlPlane } = await startCluster(context, image, nodes);
  const cluster = { kubeconfig: controlPlane.adminKubeconfig, kubectl, signal };
  await progress.task(`${due.length} specs`, (note) =>
    runSpecs(due, { parallel, results, note, run: (names) => suite.run(names, cluster) }),
  );
}

/** `kios conformance`: runs Kubernetes' own tests against a node and leaves nothing running. */
export async function conformance(
  context: CommandContext,
  options: ConformanceOptions,
): Promise<void> {
  const { progress, print } = context;
  const { nodes, parallel } = options;
  const programs = await buildUpstream(['e2e.test', 'kubectl'], workstationArch(), progress);
  const tests = programOf(programs, 'e2e.test');
  const suite = new Suite(tests.path);
  const { names, causes } = await chooseSpecs(suite, options, await readExceptions());
  if (options.list) {
    for (const name of names) print(name);
    return;
  }
  using _ = await claimLab(progress);
  const image = await buildForLab(progress);
  const key = `${tests.sha256} ${await fileSha256(image)} ${nodes}`;
  const results = await Results.open(FOLDER, key);
  if (options.again) await results.forget(names);
  const due = results.due(names);
  const known = names.length - due.length;
  progress.info(`${names.length} specs, ${known} of them with a result already`);
  const kubectl = programOf(programs, 'kubectl').path;
  if (due.length > 0)
    await runDue(context, { suite, kubectl }, due, { image, nodes, parallel, results });
  const outcomes = results.of(names);
  await leave({ version: tests.version, image }, outcomes, causes);
  await context.undo.disposeAsync();
  await down(progress, { purge: true });
  report(context, outcomes, causes);
}
