import { type Fault, faultLine, isRecord } from './fault.ts';
import { kubeletFaults } from './kubelet/opinion.ts';
import type { Verdict } from './kubelet/verdict.ts';
import { type Parsed, parseManifest } from './parse.ts';
import { ENDINGS, hasEnding, type ManifestFile, shippedName } from './read.ts';
import type { Policy } from './rules/permissions.ts';
import { judge, type Judgement } from './rules/pod-faults.ts';
import { hostPorts, podKey, record } from './rules/view.ts';

/** A fault of a manifest, ready to be shown. */
export interface ManifestFault extends Fault {
  readonly file: string;
}

/** What manifests are held against. */
export interface Rules {
  readonly policy: Policy;
  /** What kubelet makes of each file, in the order of the files. */
  readonly verdicts?: readonly Verdict[];
  /** The files are those of one folder, so their names count. */
  readonly isFolder?: boolean;
}

/** What is wrong with some manifests, and what is worth knowing about them. */
export interface Findings {
  readonly faults: readonly ManifestFault[];
  readonly warnings: readonly string[];
}

const faulty = (...faults: readonly Fault[]): Judgement => ({
  faults,
  warning: undefined,
  notes: [],
});

/** Adds the lines of faults and sorts by them; of a place only the first fault stays. */
function placed(faults: readonly Fault[], lineOf: (path: string) => number | undefined): Fault[] {
  const unique = faults.filter(
    ({ path }, index) => faults.findIndex((other) => other.path === path) === index,
  );
  return unique
    .map((fault) => {
      const line = fault.line ?? lineOf(fault.path);
      return line === undefined ? fault : { ...fault, line };
    })
    .toSorted((left, right) => (left.line ?? 0) - (right.line ?? 0));
}

function judgePod(value: unknown, policy: Policy, verdict: Verdict | undefined): Judgement {
  if (!isRecord(value)) return faulty({ path: '', cause: 'is not an object' });
  const { apiVersion, kind } = value;
  if (apiVersion !== 'v1' || kind !== 'Pod') {
    if (kind === 'Pod') {
      const version = typeof apiVersion === 'string' ? `is ${apiVersion}` : 'is missing or no text';
      return faulty({ path: 'apiVersion', cause: `${version}, must be v1` });
    }
    const given = [apiVersion, kind].filter((word) => word !== undefined).map(String);
    const cause = `is ${given.join(' ') || 'missing'}, must be v1 Pod`;
    return faulty({ path: 'kind', cause, advice: 'kubelet starts pods only' });
  }
  const { faults, ...others } = judge(value, policy);
  const isKnown = faults.some(({ cause }) => cause.startsWith('refers to'));
  // kubelet names no place of what a pod refers to.
  const kubelets = kubeletFaults(value, verdict).filter(({ path }) => !isKnown || path !== 'spec');
  return { ...others, faults: [...faults, ...kubelets] };
}

const NO_TEXT = '\u{FFFD}';

/** Judges one manifest. */
function judgeManifest(
  text: string,
  parsed: Parsed,
  policy: Policy,
  verdict: Verdict | undefined,
): Judgement {
  const garbled = text.indexOf(NO_TEXT);
  if (garbled !== -1) {
    const line = text.slice(0, garbled).split('\n').length;
    return faulty({ path: '', cause: 'is not text in UTF-8', advice: 'save it as UTF-8', line });
  }
  if (parsed.faults !== undefined) return faulty(...parsed.faults);
  const { faults, warning, notes } = judgePod(parsed.value, policy, verdict);
  const { lineOf } = parsed;
  return { faults: placed(faults, lineOf), warning, notes: placed(notes, lineOf) };
}

/** What files have taken: names on the node and pods, each with the first file that has it. */
class Taken {
  readonly #owners = new Map<string, string>();

  /** Gives a name to a file, or returns the earlier file that has it. */
  #take(name: string, file: string): string | undefined {
    const owner = this.#owners.get(name);
    if (owner === undefined) this.#owners.set(name, file);
    return owner;
  }

  name(file: string): Fault[] {
    const owner = this.#take(`name ${shippedName(file)}`, file);
    if (owner === undefined) return [];
    return [
      { path: '', cause: `has the name of ${owner} on the node`, advice: 'rename one of them' },
    ];
  }

  pod(parsed: Parsed, file: string): Fault[] {
    if (parsed.faults !== undefined) return [];
    const metadata = record(record(parsed.value)['metadata']);
    if (typeof metadata['name'] !== 'string') return [];
    const owner = this.#take(`pod ${podKey(metadata)}`, file);
    if (owner === undefined) return [];
    return placed(
      [{ path: 'metadata.name', cause: `${owner} has this pod already` }],
      parsed.lineOf,
    );
  }
}

/** Ports of the host that earlier files have taken. Kubelet does not run the second pod that wants one. */
class TakenPorts {
  readonly #taken: { readonly port: string; readonly address: string; readonly file: string }[] =
    [];

  take(parsed: Parsed, file: string): Fault[] {
    if (parsed.faults !== undefined) return [];
    const wanted = hostPorts(record(record(parsed.value)['spec']));
    const faults = wanted.flatMap(({ at, port, address }): Fault[] => {
      const owner = this.#taken.find(
        (other) =>
          other.port === port &&
          (other.address === address || other.address === '' || address === ''),
      );
      if (owner === undefined) return [];
      const cause = `${owner.file} takes ${port} of the host already, so kubelet does not run this pod`;
      return [{ path: at, cause }];
    });
    this.#taken.push(...wanted.map(({ port, address }) => ({ port, address, file })));
    return placed(faults, parsed.lineOf);
  }
}

/** Checks manifests. Of two files with one pod, one name on the node or one port of the host, the later is at fault. */
export function checkManifests(files: readonly ManifestFile[], rules: Rules): Findings {
  const { policy, verdicts = [], isFolder = false } = rules;
  const taken = new Taken();
  const ports = new TakenPorts();
  const judged = files.map(({ name, text }, index): Judgement & { readonly file: string } => {
    if (isFolder && !hasEnding(name)) {
      const cause = `must end in ${ENDINGS.join(', ')}`;
      return { file: name, ...faulty({ path: '', cause, advice: 'rename it or move it away' }) };
    }
    const parsed = parseManifest(text);
    const { faults, ...worth } = judgeManifest(text, parsed, policy, verdicts[index]);
    const others = [
      ...(isFolder ? taken.name(name) : []),
      ...taken.pod(parsed, name),
      ...ports.take(parsed, name),
    ];
    return { file: name, ...worth, faults: [...faults, ...others] };
  });
  return {
    faults: judged.flatMap(({ file, faults }) => faults.map((fault) => ({ file, ...fault }))),
    warnings: judged.flatMap(({ file, warning, notes }) => [
      ...(warning === undefined ? [] : [warning]),
      ...notes.map((note) => faultLine(file, note)),
    ]),
  };
}

/** Returns the faults of files as lines; `where` gives a file's name as people know it. */
export const faultLines = (
  { faults }: Findings,
  where: (file: string) => string,
): readonly string[] => faults.map((fault) => faultLine(where(fault.file), fault));
