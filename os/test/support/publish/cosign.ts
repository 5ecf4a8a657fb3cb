import path from 'node:path';

import { ensureGo } from '../../../src/build/sources/upstream/go-toolchain.ts';
import { silent } from '../../../src/workstation/progress.ts';
import { run } from '../../../src/workstation/run.ts';
import type { TestRegistry } from './registries.ts';

/** Verifies an image's signatures by a public key in a file. Returns what the verifier says. */
export type Verification = (reference: string, publicKeyFile: string) => Promise<string>;

/** Builds cosign's verifier into `dir`. It reads passwords where Docker keeps them. */
export async function openCosign(dir: string, registry: TestRegistry): Promise<Verification> {
  const program = path.join(dir, 'cosign-verifier');
  const cwd = path.join(import.meta.dirname, 'cosign-verifier');
  await run(await ensureGo(silent), ['build', '-trimpath', '-o', program, '.'], { cwd });
  const env = { SSL_CERT_FILE: registry.ca?.file ?? '' };
  return (reference, publicKeyFile) => run(program, [publicKeyFile, reference], { env });
}
