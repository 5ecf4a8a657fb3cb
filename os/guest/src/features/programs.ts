import { closeSync, mkdirSync, openSync, readFileSync, rmdirSync, statSync } from 'node:fs';

import { returns, attachToGroup, createMap, loadProgram, attachProgram, type BpfMap, type Program } from '../bpf.ts'; // prettier-ignore
import { BTF_KIND, kernelType } from '../btf.ts';
import { resultOf, call, memory } from '../call.ts';
import { mounted } from '../mount.ts';
import { eachOf, type Features } from './feature.ts';

const GROUP = '/host/sys/fs/cgroup/kios-feature';
const PERF_EVENT_IOC_SET_BPF = 0x40042408;
const PERF_TYPE_TRACEPOINT = 2;
const ATTACH = { egress: 1, connect4: 10, getsockopt: 21, rawTracepoint: 23, lsm: 27, lookup: 36 } as const; // prettier-ignore

/** Program types that Cilium loads. */
const CILIUM: Readonly<Record<string, Program>> = {
  sched_cls: { type: 3, code: returns(0) },
  xdp: { type: 6, code: returns(2) },
  cgroup_skb: { type: 8, attach: ATTACH.egress, code: returns(1) },
  cgroup_sock: { type: 9, code: returns(1) },
  sock_ops: { type: 13, code: returns(1) },
  sk_skb: { type: 14, code: returns(1) },
  sk_msg: { type: 16, code: returns(1) },
  cgroup_sock_addr: { type: 18, attach: ATTACH.connect4, code: returns(1) },
  cgroup_sockopt: { type: 25, attach: ATTACH.getsockopt, code: returns(1) },
  sk_lookup: { type: 30, attach: ATTACH.lookup, code: returns(1) },
};

/** Program types that Falco, Tetragon and other watchers load. */
const WATCHERS: Readonly<Record<string, Program>> = {
  socket_filter: { type: 1, code: returns(0) },
  kprobe: { type: 2, code: returns(0) },
  tracepoint: { type: 5, code: returns(0) },
  perf_event: { type: 7, code: returns(0) },
  cgroup_device: { type: 15, code: returns(1) },
  raw_tracepoint: { type: 17, code: returns(0) },
};

const MAPS: Readonly<Record<string, BpfMap>> = {
  hash: { type: 1 },
  array: { type: 2 },
  prog_array: { type: 3, value: 4 },
  perf_event_array: { type: 4, value: 4 },
  percpu_hash: { type: 5 },
  percpu_array: { type: 6 },
  stack_trace: { type: 7 },
  cgroup_array: { type: 8, value: 4 },
  lru_hash: { type: 9 },
  lpm_trie: { type: 11, key: 8, flags: 1 },
  devmap: { type: 14, value: 4 },
  sockmap: { type: 15, value: 4 },
  cpumap: { type: 16, value: 4 },
  sockhash: { type: 18, value: 4 },
  ringbuf: { type: 27, key: 0, value: 0, entries: 4096 },
};

const loadEach = (programs: Readonly<Record<string, Program>>): string | void =>
  eachOf(Object.keys(programs), (name) =>
    resultOf(() => {
      const program = programs[name];
      if (program !== undefined) call('close', loadProgram(program));
    }),
  );

/** Calls `use` with a new control group, whose removal also detaches its programs. */
function onGroup(use: (group: number) => void): void {
  mkdirSync(GROUP);
  try {
    const group = openSync(GROUP, 'r');
    use(group);
    closeSync(group);
  } finally {
    rmdirSync(GROUP);
  }
}

/** Opens a tracing event and attaches the program to it. */
function runAtEvent(attributes: Uint8Array, program: number): void {
  const event = call('perf_event_open', attributes, -1, 0, -1, 0);
  call('ioctl', event, PERF_EVENT_IOC_SET_BPF, program);
  call('close', event);
}

const eventAttributes = (type: number, config: number): Buffer => {
  const attributes = Buffer.alloc(136);
  attributes.writeUInt32LE(type, 0);
  attributes.writeUInt32LE(attributes.length, 4);
  attributes.writeBigUInt64LE(BigInt(config), 8);
  return attributes;
};

/**
 * A tracepoint and a security hook that are rarely passed. The kernel attaches a program by patching its own code, with
 * a breakpoint in between, and QEMU without KVM may run that breakpoint after the kernel took it back: with `sys_enter`
 * the guest panicked once in a while.
 */
const RARE_EVENT = 'sched_process_exec';
const RARE_HOOK = 'bpf_lsm_syslog';

const numberIn = (file: string): number => Number(readFileSync(file, 'utf8').trim());

export const PROGRAMS: Features = {
  'bpf programs of Cilium’s kinds': () => loadEach(CILIUM),
  'bpf programs of watchers’ kinds': () => loadEach(WATCHERS),
  'bpf maps': () =>
    eachOf(Object.keys(MAPS), (name) =>
      resultOf(() => {
        const map = MAPS[name];
        if (map !== undefined) call('close', createMap(map));
      }),
    ),
  'bpf at sockets of a control group': () =>
    onGroup((group) => {
      for (const name of ['cgroup_skb', 'cgroup_sock_addr']) {
        const program = CILIUM[name];
        if (program !== undefined) attachToGroup(loadProgram(program), group, program.attach ?? 0);
      }
    }),
  'bpf at a raw tracepoint': () => {
    const program = loadProgram({ type: 17, code: returns(0) });
    call('close', attachProgram(program, RARE_EVENT));
  },
  'bpf at a kernel probe': () => {
    const program = loadProgram({ type: 2, code: returns(0) });
    const type = numberIn('/sys/bus/event_source/devices/kprobe/type');
    const attributes = eventAttributes(type, 0);
    const name = memory(Buffer.from('do_sys_openat2\0'));
    attributes.writeBigUInt64LE(name.address, 56);
    runAtEvent(attributes, program);
  },
  'bpf at a tracepoint': () => {
    const program = loadProgram({ type: 5, code: returns(0) });
    const id = mounted('tracefs', (folder) => numberIn(`${folder}/events/sched/${RARE_EVENT}/id`));
    runAtEvent(eventAttributes(PERF_TYPE_TRACEPOINT, id), program);
  },
  'tracefs where tools look for it': () => {
    const folder = '/host/sys/kernel/tracing';
    numberIn(`${folder}/events/sched/${RARE_EVENT}/id`);
    const mode = (statSync(folder).mode & 0o7777).toString(8);
    return mode === '700' ? undefined : `mode ${mode}`;
  },
  'bpf at a typed tracepoint (CO-RE)': () => {
    const btf = kernelType(BTF_KIND.typedef, `btf_trace_${RARE_EVENT}`);
    const code = returns(0);
    const program = loadProgram({ type: 26, attach: ATTACH.rawTracepoint, btf, code });
    call('close', attachProgram(program));
  },
  'bpf at a security hook': () => {
    const btf = kernelType(BTF_KIND.function, RARE_HOOK);
    const program = loadProgram({ type: 29, attach: ATTACH.lsm, btf, code: returns(0) });
    call('close', attachProgram(program));
  },
};
