/** A program that runs agents. */
export interface Runtime {
  readonly name: 'node' | 'bun';
  readonly program: string;
}

/** Returns the image's runtime, which `./kios test` names. Without it only Node runs the agents, which CI refuses. */
function bun(): Runtime | undefined {
  const program = process.env['KIOS_BUN'];
  if (program !== undefined) return { name: 'bun', program };
  if (process.env['CI'] === 'true')
    throw new Error('test agents under the runtime that ships: KIOS_BUN does not name it');
  return undefined;
}

/** Returns the runtimes under which an agent must work, the shipped one last. */
export function runtimes(): Runtime[] {
  const shipped = bun();
  const node: Runtime = { name: 'node', program: process.execPath };
  return shipped === undefined ? [node] : [node, shipped];
}

/** Returns the runtime that ships; this Node when it is not known. */
export const shippedRuntime = (): string => bun()?.program ?? process.execPath;
