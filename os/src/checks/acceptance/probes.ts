import { type Probe, PROBES } from '../hardening/probes.ts';
import { type Assertion, demand } from './assertion.ts';
import { askedOnce } from './guest.ts';

const resultsOf = askedOnce('probes');

const assertionOf = (probe: Probe): Assertion => ({
  name: `${probe.allowedBy === undefined ? 'denied' : 'allowed'}: ${probe.name}`,
  check: async (subject) => {
    const { kernel, results } = await resultsOf(subject);
    const result = results.get(probe.name) ?? 'no result';
    demand(result === probe[kernel], `${probe.attempt}: ${result}, not ${probe[kernel]}`);
    return `${probe.attempt}: ${result}`;
  },
});

export const PROBE_ASSERTIONS: readonly Assertion[] = [
  ...PROBES.map(assertionOf),
  {
    name: 'every probe that was run is in the table',
    check: async (subject) => {
      const { results } = await resultsOf(subject);
      const known = new Set(PROBES.map(({ name }) => name));
      const strangers = [...results.keys()].filter((name) => !known.has(name));
      demand(strangers.length === 0, `not in the table: ${strangers.join(', ')}`);
      return `${results.size} results`;
    },
  },
];
