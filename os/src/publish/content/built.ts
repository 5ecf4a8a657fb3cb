import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import * as v from 'valibot';

import { blobPath, type Descriptor } from '../../build/formats/oci.ts';
import { type BuildRecord, readRecord } from '../../build/image/record.ts';
import { shortName } from '../../build/shipped.ts';
import { type Arch, ARCHES } from '../../workstation/paths.ts';

/** An image of one architecture, as a build left it in its OCI layout. */
export interface BuiltImage {
  readonly name: string;
  readonly manifest: Descriptor;
  readonly layers: readonly Descriptor[];
  /** The manifest's configuration and layers. */
  readonly blobs: readonly Descriptor[];
}

/** A finished build for one architecture. */
export interface Built {
  readonly arch: Arch;
  readonly dist: string;
  /** Folder of the OCI layout. */
  readonly layout: string;
  readonly record: BuildRecord;
  readonly images: readonly BuiltImage[];
}

/** The folder of the finished artefacts of an architecture. */
export type DistOf = (arch: Arch) => string;

const DescriptorSchema = v.object({ mediaType: v.string(), digest: v.string(), size: v.number() });
const Index = v.object({
  manifests: v.array(
    v.object({
      ...DescriptorSchema.entries,
      annotations: v.object({ 'io.containerd.image.name': v.string() }),
    }),
  ),
});
const Manifest = v.object({ config: DescriptorSchema, layers: v.array(DescriptorSchema) });

async function readJson<T>(schema: v.GenericSchema<unknown, T>, file: string): Promise<T> {
  return v.parse(v.pipe(v.string(), v.parseJson(), schema), await readFile(file, 'utf8'));
}

async function readImages(layout: string): Promise<BuiltImage[]> {
  const { manifests } = await readJson(Index, path.join(layout, 'index.json'));
  return Promise.all(
    manifests.map(async ({ annotations, ...manifest }) => {
      const { config, layers } = await readJson(
        Manifest,
        path.join(layout, blobPath(manifest.digest)),
      );
      const name = shortName(annotations['io.containerd.image.name']);
      return { name, manifest, layers, blobs: [config, ...layers] };
    }),
  );
}

async function readBuilt(arch: Arch, dist: string): Promise<Built | undefined> {
  const record = await readRecord(dist);
  const layout = path.join(dist, 'images');
  if (record?.arch !== arch || !existsSync(path.join(layout, 'index.json'))) return undefined;
  return { arch, dist, layout, record, images: await readImages(layout) };
}

const buildAll = (arches: readonly string[]): string =>
  arches.map((arch) => `./kios build --arch ${arch}`).join(' and ');

const absent = (what: string, arches: readonly string[]): KiosError =>
  new KiosError('KIOS_PUBLISH_BUILD', `publish ${what}: there is no finished build`, {
    exitCode: EXIT.unavailable,
    remedy: `Run ${buildAll(arches)} first.`,
  });

/** What all architectures of one tag have in common. */
const setOf = ({ record, images }: Built): string =>
  JSON.stringify([
    record.version,
    record.commit,
    record.changed,
    record.time,
    record.bootstrap,
    images.map(({ name }) => name).toSorted(),
  ]);

/** Reads the builds for `arches`; without any, every build that there is. They were made from the same sources. */
export async function readBuilds(arches: readonly Arch[], distOf: DistOf): Promise<Built[]> {
  const builds: Built[] = [];
  for (const arch of arches.length > 0 ? ARCHES.filter((name) => arches.includes(name)) : ARCHES) {
    const built = await readBuilt(arch, distOf(arch));
    if (built !== undefined) builds.push(built);
    else if (arches.includes(arch)) throw absent(`the images for ${arch}`, [arch]);
  }
  if (builds.length === 0) throw absent('the images', ['amd64']);
  if (new Set(builds.map(setOf)).size === 1) return builds;
  const names = builds.map(({ arch }) => arch);
  throw new KiosError(
    'KIOS_PUBLISH_BUILD',
    `publish ${names.join(' and ')} together: they were built from different sources`,
    {
      exitCode: EXIT.data,
      remedy: `Run ${buildAll(names)} again, or choose one with --arch.`,
    },
  );
}
