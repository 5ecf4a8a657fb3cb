import path from 'node:path';

/** Gives the worker that this runs in a lab and artefacts of its own, before a module reads where they are. */
const repository = path.resolve(import.meta.dirname, '../../..');
const lane = `lane-${process.env['VITEST_POOL_ID']}`;
const lab = process.env['KIOS_STATE_DIR'] ?? path.join(repository, '.kios');
const artefacts = process.env['KIOS_DIST_DIR'] ?? path.join(repository, 'dist');
process.env['KIOS_STATE_DIR'] = path.join(lab, lane);
process.env['KIOS_DIST_DIR'] = path.join(artefacts, lane);
