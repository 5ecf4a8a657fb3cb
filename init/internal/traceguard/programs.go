package traceguard

import "encoding/binary"

// instruction is one of BPF's instructions (Documentation/bpf/standardization/instruction-set.rst of the kernel).
type instruction struct {
	code      uint8
	registers uint8 // source << 4 | destination
	offset    int16
	immediate int32
}

// Registers: the result, the hook's arguments as 8 bytes each, and two to work with.
const (
	result    = 0
	arguments = 1
	value     = 2
	other     = 3
)

const (
	pid1         = 1
	attachMode   = 2 // PTRACE_MODE_ATTACH
	writeMode    = 2 // FMODE_WRITE
	procMagic    = 0x9fa0
	notPermitted = -1 // -EPERM
)

func load64(into, from uint8, at int16) instruction { return instruction{0x79, from<<4 | into, at, 0} }
func load32(into, from uint8, at int16) instruction { return instruction{0x61, from<<4 | into, at, 0} }
func mask(register uint8, bits int32) instruction   { return instruction{0x57, register, 0, bits} }
func shiftLeft(register uint8, bits int32) instruction {
	return instruction{0x67, register, 0, bits}
}

// constant takes two instructions.
func constant(into uint8, n uint64) []instruction {
	return []instruction{{0x18, into, 0, int32(uint32(n))}, {0, 0, 0, int32(uint32(n >> 32))}}
}

// The last instruction of a condition, which jumps when it does not hold.
func unequal(register uint8, to int32) instruction { return instruction{0x15, register, 0, to} }
func equal(register uint8, to int32) instruction   { return instruction{0x55, register, 0, to} }
func same(register, as uint8) instruction          { return instruction{0x5d, as<<4 | register, 0, 0} }

func ending(with int32) []instruction {
	return []instruction{{0xb7, result, 0, with}, {0x95, 0, 0, 0}}
}

// refuse returns a program that refuses that for which all conditions hold. It sets how far their last instructions
// jump.
func refuse(conditions ...[]instruction) []instruction {
	var code []instruction
	var jumps []int
	for _, condition := range conditions {
		code = append(code, condition...)
		jumps = append(jumps, len(code)-1)
	}
	code = append(code, ending(notPermitted)...)
	for _, at := range jumps {
		code[at].offset = int16(len(code) - at - 1)
	}
	return append(code, ending(0)...)
}

// tracing refuses process 1 as the target of ptrace(2), and of what asks for the same right: /proc/1/mem,
// process_vm_writev(2), pidfd_getfd(2). Reading, for example of /proc/1/ns, asks for less.
func tracing(kernel layout) ([]instruction, error) {
	at, err := kernel.fields("task_struct.tgid")
	if err != nil {
		return nil, err
	}
	return refuse(
		[]instruction{load64(value, arguments, 8), mask(value, attachMode), unequal(value, 0)},
		[]instruction{load64(value, arguments, 0), load32(value, value, at[0]), equal(value, pid1)},
	), nil
}

// ftraceSwitch refuses to open a file of /proc that is called ftrace_enabled for writing.
func ftraceSwitch(kernel layout) ([]instruction, error) {
	at, err := kernel.fields("file.f_mode", "file.f_inode", "inode.i_sb", "super_block.s_magic", "file.f_path", "path.dentry", "dentry.d_iname")
	if err != nil {
		return nil, err
	}
	mode, inode, file, kind, path, entry, name := at[0], at[1], at[2], at[3], at[4], at[5], at[6]
	first, second := words("ftrace_enabled")
	named := []instruction{load64(value, arguments, 0), load64(value, value, path+entry), load64(other, value, name)}
	named = append(append(named, load64(value, value, name+8), shiftLeft(value, 8)), constant(result, first)...)
	return refuse(
		[]instruction{load64(value, arguments, 0), load32(value, value, mode), mask(value, writeMode), unequal(value, 0)},
		[]instruction{load64(value, arguments, 0), load64(value, value, inode), load64(value, value, file), load64(value, value, kind), equal(value, procMagic)},
		append(named, same(other, result)),
		append(constant(result, second<<8), same(value, result)),
	), nil
}

// words returns a name of eight to fourteen bytes, and the zero byte behind it, as the numbers that its first eight
// and its next seven bytes are.
func words(name string) (first, second uint64) {
	var bytes [16]byte
	copy(bytes[:15], name)
	return binary.LittleEndian.Uint64(bytes[:]), binary.LittleEndian.Uint64(bytes[8:])
}
