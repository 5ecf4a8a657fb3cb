import { hash } from 'node:crypto';

import { namedGuid } from './gpt.ts';
import { digestOf, type Origin, type Tree } from './tree.ts';

const idOf = (origin: Origin): string =>
  `SPDXRef-Package-${`${origin.kind}-${origin.name}-${origin.version}`.replaceAll(/[^A-Za-z0-9.-]+/g, '-')}`;

/** Identifies a text of licences: the packages of one source share theirs. */
const licenceId = (text: string): string => `LicenseRef-${hash('sha256', text).slice(0, 16)}`;

const PURL = {
  deb: 'pkg:deb/debian/',
  go: 'pkg:golang/',
  npm: 'pkg:npm/',
  oci: 'pkg:oci/',
  kios: 'pkg:generic/',
} as const;

/** Returns a package URL. That of an image has the last part of its name, and the whole as a qualifier. */
function locatorOf({ kind, name, version }: Origin): string {
  const [short, where] =
    kind === 'oci' ? [name.replace(/^.*\//, ''), `?repository_url=${name}`] : [name, ''];
  return `${PURL[kind]}${short.replace('@', '%40')}@${encodeURIComponent(version)}${where}`;
}

function packageOf(origin: Origin): object {
  const locator = locatorOf(origin);
  return {
    SPDXID: idOf(origin),
    name: origin.name,
    versionInfo: origin.version,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    ...(origin.licence === undefined
      ? {}
      : {
          licenseConcluded: 'NOASSERTION',
          licenseDeclared: licenceId(origin.licence),
          copyrightText: 'NOASSERTION',
        }),
    ...(origin.sha256 === undefined
      ? {}
      : { checksums: [{ algorithm: 'SHA256', checksumValue: origin.sha256 }] }),
    externalRefs: [
      { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: locator },
    ],
  };
}

/** Makes the bill of materials (SPDX 2.3, JSON): every file with its digest and the package it comes from. */
export async function makeSbom(
  name: string,
  trees: readonly Tree[],
  time: number,
): Promise<string> {
  const packages = new Map<string, object>();
  const licences = new Map<string, object>();
  const files: object[] = [];
  const relationships: object[] = [];
  for (const [where, entry] of trees.flatMap((tree) => tree.sorted())) {
    if (entry.type !== 'file') continue;
    const SPDXID: string = `SPDXRef-File-${files.length + 1}`;
    packages.set(idOf(entry.origin), packageOf(entry.origin));
    const { licence, name: from, version } = entry.origin;
    if (licence !== undefined && !licences.has(licenceId(licence)))
      licences.set(licenceId(licence), {
        licenseId: licenceId(licence),
        name: `Licences of ${from} ${version} (Debian)`,
        extractedText: licence,
      });
    files.push({
      SPDXID,
      fileName: `.${where}`,
      checksums: [{ algorithm: 'SHA256', checksumValue: await digestOf(entry.content) }],
    });
    relationships.push({
      spdxElementId: SPDXID,
      relationshipType: 'GENERATED_FROM',
      relatedSpdxElement: idOf(entry.origin),
    });
  }
  const sorted = [...packages].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
  const document = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name,
    documentNamespace: `urn:uuid:${namedGuid(JSON.stringify(files))}`,
    creationInfo: {
      created: new Date(time * 1000).toISOString().replace(/\.\d+Z$/, 'Z'),
      creators: ['Tool: kios build'],
    },
    ...(licences.size === 0 ? {} : { hasExtractedLicensingInfos: [...licences.values()] }),
    packages: sorted,
    files,
    relationships,
  };
  return `${JSON.stringify(document, undefined, 1)}\n`;
}
