import {
  type Annotations,
  DEFAULTS,
  formatRequest,
  formatTurn,
  type NodeView,
  type PodView,
  type RequestOptions,
  REQUESTS,
  type Seen,
  TURN,
  type Turn,
} from '../src/index.ts';

export const NOW = Date.parse('2026-11-28T10:00:00.000Z');
export const at = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString();

export const node = (changes: Partial<NodeView> = {}): NodeView => ({
  name: 'a',
  resourceVersion: '7',
  annotations: {},
  isCordoned: false,
  isReady: true,
  isSilent: false,
  bootId: 'boot-1',
  ...changes,
});

export const seen = (changes: Partial<Seen> = {}): Seen => ({
  now: NOW,
  bootId: 'boot-1',
  node: node(),
  lease: undefined,
  heldBy: [],
  holding: undefined,
  peers: undefined,
  pods: undefined,
  blocked: new Set(),
  asked: 'never',
  isFree: false,
  defaults: DEFAULTS,
  ...changes,
});

export const turn = (changes: Partial<Turn> = {}): Turn => ({
  v: 1,
  action: 'reboot',
  request: '{}',
  phase: 'waiting',
  since: at(-10),
  until: at(600),
  cordoned: false,
  ...changes,
});

/** The annotations of a node that is asked to reboot, and of what its agent has recorded. */
export const asked = (present?: Turn, options: RequestOptions = {}): Annotations => {
  const text = formatRequest(options);
  return {
    [REQUESTS.reboot]: text,
    ...(present === undefined ? {} : { [TURN]: formatTurn({ ...present, request: text }) }),
  };
};

export const pod = (name: string, changes: Partial<PodView> = {}): PodView => ({
  namespace: 'default',
  name,
  uid: `uid-${name}`,
  fate: 'goes',
  isTerminating: false,
  ...changes,
});
