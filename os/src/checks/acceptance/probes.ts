import { type Probe, PROBES } from '../hardening/probes.ts';
import { type Assertion, demand } from './assertion.ts';
import { askedOnce } from './guest.ts';

const answersOf = askedOnce('probes');

const assertionOf = (probe: Probe): Assertion => ({
  name: `${probe.allowedBy === undefined ? 'denied' : 'allowed'}: ${probe.name}`,
  check: async (subject) => {
    const { kernel, answers } = await answersOf(subject);
    const answer = answers.get(probe.name) ?? 'nothing';
    demand(answer === probe[kernel], `${probe.attempt}: ${answer}, not ${probe[kernel]}`);
    return `${probe.attempt}: ${answer}`;
  },
});

export const PROBE_ASSERTIONS: readonly Assertion[] = [
  ...PROBES.map(assertionOf),
  {
    name: 'every attempt of the probe has its expected answer',
    check: async (subject) => {
      const { answers } = await answersOf(subject);
      const known = new Set(PROBES.map(({ name }) => name));
      const strangers = [...answers.keys()].filter((name) => !known.has(name));
      demand(strangers.length === 0, `not in the table: ${strangers.join(', ')}`);
      return `${answers.size} answers`;
    },
  },
];
