import type { Plugin } from 'esbuild';

/** A function and not an arrow, because pino also asks whether streams are instances of it. */
const ABSENT = `module.exports = function () { throw new Error('no bundle has this part of pino'); };`;
const NO_CALLER = 'module.exports = () => [];';

/**
 * The text that a bundle has in place of the parts of pino for other ways of logging: through worker threads, into
 * files, and with fields blanked out by their path. The keys are the names by which pino requires them. With these
 * parts pino takes three fifths of the instructions up to an agent's first line.
 */
const PARTS: Readonly<Record<string, string>> = {
  'thread-stream': ABSENT,
  '@pinojs/redact': ABSENT,
  'sonic-boom': ABSENT,
  './lib/transport': ABSENT,
  './transport': ABSENT,
  // A transport is looked up beside the file that called pino. To name it, the runtime reads the source again.
  './lib/caller': NO_CALLER,
  './caller': NO_CALLER,
  // These modules of the runtime load slowly, and pino asks them for one value each.
  worker_threads: 'exports.isMainThread = true;',
  'node:diagnostics_channel': 'exports.tracingChannel = () => ({ hasSubscribers: false });',
  'node:os': `exports.hostname = () => '';`,
};

const INSIDE_PINO = /\/node_modules\/pino\//;

/** Leaves out the parts of pino that no agent uses. */
export const loggerParts: Plugin = {
  name: 'logger-parts',
  setup(builder) {
    builder.onResolve({ filter: /.*/ }, ({ path: name, importer }) =>
      name in PARTS && INSIDE_PINO.test(importer)
        ? { path: name, namespace: 'logger-parts' }
        : undefined,
    );
    builder.onLoad({ filter: /.*/, namespace: 'logger-parts' }, ({ path: name }) => ({
      contents: PARTS[name] ?? ABSENT,
    }));
  },
};
