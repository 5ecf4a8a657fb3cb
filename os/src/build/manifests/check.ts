import { parseManifest } from './parse.ts';
import { type ManifestFile, shippedName } from './read.ts';
import type { Policy } from './rules/permissions.ts';
import { judge, type Verdict } from './rules/pod-faults.ts';
import { podKey, record } from './rules/view.ts';
import { isRecord, validate, type Fault, type Schemas } from './schema.ts';

const POD = 'io.k8s.api.core.v1.Pod';

/** A fault of a manifest, ready to be shown as `file: path: cause`. */
export interface ManifestFault extends Fault {
  readonly file: string;
}

export interface Rules {
  readonly schemas: Schemas;
  readonly policy: Policy;
}

/** What is wrong with the manifests of a folder, and what is worth knowing about them. */
export interface Findings {
  readonly faults: readonly ManifestFault[];
  readonly warnings: readonly string[];
}

const faulty = (...faults: readonly Fault[]): Verdict => ({ faults, warning: undefined });

function judgeManifest(value: unknown, { schemas, policy }: Rules): Verdict {
  if (!isRecord(value)) return faulty({ path: '(document)', cause: 'is not an object' });
  const { apiVersion, kind } = value;
  if (apiVersion !== 'v1' || kind !== 'Pod')
    return faulty({
      path: 'kind',
      cause: `is ${String(apiVersion)} ${String(kind)}, must be v1 Pod`,
    });
  const { faults, warning } = judge(value, policy);
  const found = [...validate(schemas, POD, value), ...faults];
  // The schema and a rule may both miss a field.
  const unique = found.filter(
    ({ path }, index) => found.findIndex((other) => other.path === path) === index,
  );
  return { faults: unique, warning };
}

/** Names that files use, each with the first file that uses it. */
class Owners {
  readonly #owners = new Map<string, string>();

  /** Gives a name to a file, or returns the earlier file that has it. */
  take(name: string, file: string): string | undefined {
    const owner = this.#owners.get(name);
    if (owner === undefined) this.#owners.set(name, file);
    return owner;
  }
}

/**
 * Checks the manifests of a folder. Of two files with one pod, or with one name on the node, the later is at fault.
 */
export function checkManifests(files: readonly ManifestFile[], rules: Rules): Findings {
  const [names, pods] = [new Owners(), new Owners()];
  const verdicts = files.map(({ name, text }): Verdict & { readonly file: string } => {
    if (!/\.ya?ml$/.test(name))
      return { file: name, ...faulty({ path: '(file name)', cause: 'must end in .yaml or .yml' }) };
    const faults: Fault[] = [];
    const sameName = names.take(shippedName(name), name);
    if (sameName !== undefined)
      faults.push({ path: '(file name)', cause: `${sameName} has the same name on the node` });
    const parsed = parseManifest(text);
    if (parsed.faults !== undefined) return { file: name, ...faulty(...parsed.faults, ...faults) };
    const verdict = judgeManifest(parsed.value, rules);
    const metadata = record(record(parsed.value)['metadata']);
    const samePod =
      typeof metadata['name'] === 'string' ? pods.take(podKey(metadata), name) : undefined;
    if (samePod !== undefined)
      faults.push({ path: 'metadata.name', cause: `${samePod} has this pod already` });
    return { file: name, ...verdict, faults: [...verdict.faults, ...faults] };
  });
  return {
    faults: verdicts.flatMap(({ file, faults }) => faults.map((fault) => ({ file, ...fault }))),
    warnings: verdicts.flatMap(({ warning }) => warning ?? []),
  };
}
