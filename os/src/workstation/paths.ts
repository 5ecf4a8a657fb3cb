import { homedir } from 'node:os';
import path from 'node:path';

/** The checkout this program runs from. */
export const repository = path.resolve(import.meta.dirname, '../../..');

/** All that is built. */
export const distRoot = process.env['KIOS_DIST_DIR'] ?? path.join(repository, 'dist');

/** Returns the folder of the finished artefacts of one architecture or board. */
export const distDir = (target: Arch | Board): string => path.join(distRoot, target);

/** Downloads and build results that all checkouts share, keyed by content, in the XDG cache folder. */
export const cacheDir = path.join(
  process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'),
  'kios',
);

/** The lab of this checkout, its cluster and node; `kios down --purge` empties it. */
export const stateDir = process.env['KIOS_STATE_DIR'] ?? path.join(repository, '.kios');

/** Architectures by their name in Debian and Go. */
export const ARCHES = ['amd64', 'arm64'] as const;
export type Arch = (typeof ARCHES)[number];

/** Boards without UEFI, each with an image of its own. */
export const BOARDS = ['rpi4'] as const;
export type Board = (typeof BOARDS)[number];
export const BOARD_ARCH = { rpi4: 'arm64' } as const satisfies Readonly<Record<Board, Arch>>;
