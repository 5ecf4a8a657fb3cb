import { describe, expect, it } from 'vitest';

import { TypeInformation } from '../../../../src/build/formats/btf.ts';
import { exampleTypes } from '../../../support/type-information.ts';

describe('the type information of a kernel', () => {
  const types = new TypeInformation(exampleTypes());

  it.each([
    ['thread_info', 0],
    ['tgid', 24],
    ['exit_state', 28],
  ])('has the field %s of a structure whose layout is random', (field, offset) => {
    expect(types.offset('task_struct', field)).toBe(offset);
  });

  it.each(['odd', 'tgi', 'missing'])('has no field %s that a program can read', (field) => {
    expect(() => types.offset('task_struct', field)).toThrow(`task_struct has no field ${field}`);
  });

  it('has a function of the name of a structure', () => {
    expect(types.function('task_struct')).toBe(3);
    expect(types.function('bpf_lsm_file_open')).toBe(8);
  });

  it.each(['int', 'bpf_lsm_missing'])('has no function %s', (name) => {
    expect(() => types.function(name)).toThrow(`no type ${name}`);
  });

  it('is no other file, and no part of one', () => {
    expect(() => new TypeInformation(Buffer.alloc(64))).toThrow('no type information');
    expect(() => new TypeInformation(exampleTypes().subarray(0, 100))).toThrow(RangeError);
  });
});
