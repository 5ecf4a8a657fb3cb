import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { build } from 'esbuild';
import type * as v from 'valibot';

import type { SCRIPTS } from '../../guest/src/scripts.ts';
import { imageName } from '../build/shipped.ts';

/** An image that every node has, and the runtime in it. */
export const RUNTIME_IMAGE = imageName('dhcp');
export const RUNTIME = '/bin/bun';
/** The agent's own program in that image. */
export const AGENT_FILE = '/agent/agent.cjs';
/** Path of `main.ts` in a pod: beside the native file that its system calls need. */
export const MAIN_FILE = '/agent/guest.cjs';

type Script = keyof typeof SCRIPTS;

const SOURCES = path.resolve(import.meta.dirname, '../../guest/src');

async function bundle(name: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [path.join(SOURCES, `${name}.ts`)],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node22',
    // Not identifiers: kubelet would expand a call of a function named `$` in a pod's command.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(MAIN_FILE).href) },
    logLevel: 'error',
  });
  return outputFiles.map(({ text }) => text).join('');
}

const bundles = new Map<string, Promise<string>>();

/** Returns the JavaScript of a program in `os/guest/src`, bundled at the first call. */
export function guestProgram(name: 'main' | Script): Promise<string> {
  const known = bundles.get(name) ?? bundle(name);
  bundles.set(name, known);
  return known;
}

/** Returns the command with which a pod runs a program of `os/guest/src` as text. */
export const scriptCommand = async <Name extends Script>(
  name: Name,
  parameters: v.InferInput<(typeof SCRIPTS)[Name]>,
): Promise<string[]> => [RUNTIME, '-e', await guestProgram(name), JSON.stringify(parameters)];
