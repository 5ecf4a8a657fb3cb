/** Set by the bundler from version.json (packages/bundle). */
declare const KIOS_VERSION: string | undefined;

/** kiOS's version; "unbundled" when Node runs the agent from its source. */
export const VERSION = typeof KIOS_VERSION === 'undefined' ? 'unbundled' : KIOS_VERSION;
