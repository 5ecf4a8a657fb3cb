import { homedir } from 'node:os';
import path from 'node:path';

/** The checkout this program runs from. */
export const repository = path.resolve(import.meta.dirname, '../../..');

/** Finished artefacts of one architecture. */
export const distDir = (arch: Arch): string => path.join(repository, 'dist', arch);

/** Downloads and build results shared by every checkout, keyed by content. XDG Base Directory. */
export const cacheDir = path.join(
  process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'),
  'kios',
);

/** Running try-out cluster and node of this checkout; `kios down --purge` removes it. */
export const stateDir = process.env['KIOS_STATE_DIR'] ?? path.join(repository, '.kios');

/** Architectures by their Debian and Go name. */
export const ARCHES = ['amd64', 'arm64'] as const;
export type Arch = (typeof ARCHES)[number];
