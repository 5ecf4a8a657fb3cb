import { readFileSync } from 'node:fs';
import path from 'node:path';

import * as v from 'valibot';

import { repository } from '../workstation/paths.ts';

/** Versions of the image's npm packages. Those of upstream Go programs are in os/upstream/<component>/go.mod. */
export const BUN = '1.4.5';
export const KOFFI = '3.3.4';

/** An npm package with the hash of its archive, in the form of package-lock.json. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
}

const npm = (name: string, version: string, integrity: string): NpmPackage => ({
  name,
  version,
  integrity: `sha512-${integrity}`,
});

/** The npm packages of the image, by architecture. A new version needs new hashes: `npm view NAME dist.integrity`. */
export const NPM_PACKAGES = {
  bun: {
    amd64: npm(
      '@oven/bun-linux-x64-baseline',
      BUN,
      's8yMwYcFnnrA178gji0gZbkE2WVDej/Ti1x770oPfihxyRxSMNhGhiAQNXV53aDeraZxksdvKV/RAdQBCd0qPA==',
    ),
    arm64: npm(
      '@oven/bun-linux-aarch64',
      BUN,
      '4BXmsSKnjOrlGWqZV4x/oWa7AVoR+B6lCXddMzOAXBIm3t50eslg9wb66gmtW1AamEQ1l1CDvmmruysEhqOWMg==',
    ),
  },
  koffi: {
    amd64: npm(
      '@koromix/koffi-linux-x64',
      KOFFI,
      'xi47MKuoQ9fA2SsrH6wljl9t9120hO66qEmb1le6q636q55J974cZfcwDrK5nW1GalJ+0NLXoH2T3/NGQBzPNw==',
    ),
    arm64: npm(
      '@koromix/koffi-linux-arm64',
      KOFFI,
      'k6FPjEYDioyVihUqvRFX4QZK0RL/Rrn4xPEzrKxODxgLAUXlhBTut391zPzgsMcArXgN4YTuS11M/kxmA5s+Fg==',
    ),
  },
} as const;

/** Hashes of the Go toolchains that a build may fetch, as Go writes them (golang.org/x/mod/sumdb/dirhash). */
export const GO_TOOLCHAINS: Readonly<Record<string, string>> = {
  'go1.26.8.linux-amd64': 'h1:ZOmGe1OnfREDMIdb1Qi4G9JSuDPBLGExZMQ4nis1RXM=',
  'go1.26.8.linux-arm64': 'h1:sYL/O6MqS68ML0kjsQ36WoYIpJqkw60TxizWUYUKQMc=',
};

const Version = v.pipe(v.string(), v.parseJson(), v.strictObject({ version: v.string() }));

/** The version of kiOS, written only in version.json: the tag of its images and the node's VERSION_ID. */
export const KIOS = v.parse(
  Version,
  readFileSync(path.join(repository, 'version.json'), 'utf8'),
).version;
