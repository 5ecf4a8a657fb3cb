import type { Plugin } from 'esbuild';

/** Parts of pino for other ways of logging: through worker threads, and with fields blanked out by their path. */
const UNUSED = /^(?:thread-stream|@pinojs\/redact)$/;

/**
 * Leaves out the parts of pino that no agent uses, a sixth of an agent's text. pino only calls them when it is
 * configured for them.
 */
export const loggerParts: Plugin = {
  name: 'logger-parts',
  setup(builder) {
    builder.onResolve({ filter: UNUSED }, ({ path: name }) => ({
      path: name,
      namespace: 'logger-parts',
    }));
    builder.onLoad({ filter: UNUSED, namespace: 'logger-parts' }, ({ path: name }) => ({
      contents: `module.exports = function () { throw new Error('no bundle has ${name}'); };`,
    }));
  },
};
