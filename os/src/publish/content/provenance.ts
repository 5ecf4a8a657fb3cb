import * as v from 'valibot';

import type { BuildRecord } from '../../build/image/record.ts';

const Sbom = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    packages: v.array(
      v.object({
        checksums: v.optional(v.array(v.object({ checksumValue: v.string() })), []),
        externalRefs: v.array(v.object({ referenceLocator: v.string() })),
      }),
    ),
  }),
);

/** A thing that a build used (SLSA v1.2, "ResourceDescriptor"). */
interface Dependency {
  readonly uri: string;
  readonly digest?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, unknown>>;
}

/** Lists the packages of a bill of materials, except kiOS itself. */
function packagesIn(sbom: string): Dependency[] {
  return v.parse(Sbom, sbom).packages.flatMap(({ checksums, externalRefs }) => {
    const uri = externalRefs[0]?.referenceLocator ?? '';
    const sha256 = checksums[0]?.checksumValue;
    if (uri === '' || uri.startsWith('pkg:generic/')) return [];
    return [{ uri, ...(sha256 === undefined ? {} : { digest: { sha256 } }) }];
  });
}

const sourceOf = ({ commit, changed }: BuildRecord): Dependency[] =>
  commit === undefined
    ? []
    : [
        {
          uri: 'urn:kios:sources',
          digest: { gitCommit: commit },
          ...(changed ? { annotations: { uncommittedChanges: true } } : {}),
        },
      ];

function unique(dependencies: readonly Dependency[]): Dependency[] {
  const byContent = new Map(dependencies.map((entry) => [JSON.stringify(entry), entry]));
  return [...byContent].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

/** A published thing that the statement is about. */
export interface Subject {
  readonly name: string;
  readonly digest: string;
}

export const PROVENANCE = 'https://slsa.dev/provenance/v1';

/**
 * Makes the statement (in-toto v1) of how images were built (SLSA provenance v1). It has no time and no number of its
 * own: equal builds give equal bytes, which a registry then has already.
 */
export function makeProvenance(
  subjects: readonly Subject[],
  records: readonly BuildRecord[],
  sboms: readonly string[],
): object {
  const [first] = records;
  if (first === undefined) throw new RangeError('no build');
  const { version, kernel, bootstrap, time } = first;
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: subjects.map(({ name, digest }) => ({
      name,
      digest: { sha256: digest.slice('sha256:'.length) },
    })),
    predicateType: PROVENANCE,
    predicate: {
      buildDefinition: {
        buildType: 'urn:kios:build:1',
        externalParameters: {
          version,
          arch: records.map(({ arch }) => arch),
          kernel,
          ...(bootstrap === undefined ? {} : { bootstrap }),
        },
        internalParameters: { SOURCE_DATE_EPOCH: time },
        resolvedDependencies: [...sourceOf(first), ...unique(sboms.flatMap(packagesIn))],
      },
      runDetails: { builder: { id: 'urn:kios:workstation', version: { kios: version } } },
    },
  };
}
