/**
 * The environment of Bun for every agent, in the image and in tests that run an agent as shipped. Without the
 * just-in-time compilers it starts faster and keeps less memory; a garbage collector without threads of its own saves
 * another tenth. Freed memory goes back to the kernel at once. Bun looks each second whether there is garbage, and an
 * agent that works now and then always has some: that look took two thirds of a resting agent's processor time.
 */
export const RUNTIME_ENV = {
  BUN_JSC_useJIT: '0',
  BUN_JSC_useConcurrentGC: '0',
  BUN_GC_TIMER_INTERVAL: '30000',
  MIMALLOC_PURGE_DELAY: '0',
  BUN_RUNTIME_TRANSPILER_CACHE_PATH: '0',
  DO_NOT_TRACK: '1',
} as const;
