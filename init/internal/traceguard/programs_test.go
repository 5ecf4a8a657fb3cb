package traceguard

import "testing"

// run carries out a program as the kernel would, with memory that the test provides by address, and returns its result.
func run(t *testing.T, code []instruction, memory map[uint64]uint64) int32 {
	t.Helper()
	var registers [11]uint64
	registers[arguments] = 1 << 20
	for at, steps := 0, 0; at < len(code); at, steps = at+1, steps+1 {
		if steps > len(code) {
			t.Fatal("the program does not end")
		}
		each := code[at]
		into, from := each.registers&0xf, each.registers>>4
		switch each.code {
		case 0x79, 0x61: // load 64 and 32 bits
			value, there := memory[registers[from]+uint64(each.offset)]
			if !there {
				t.Fatalf("instruction %d reads at %#x", at, registers[from]+uint64(each.offset))
			}
			if registers[into] = value; each.code == 0x61 {
				registers[into] &= 0xffffffff
			}
		case 0x57:
			registers[into] &= uint64(int64(each.immediate))
		case 0x67:
			registers[into] <<= each.immediate
		case 0x18:
			at++
			registers[into] = uint64(uint32(each.immediate)) | uint64(uint32(code[at].immediate))<<32
		case 0xb7:
			registers[into] = uint64(int64(each.immediate))
		case 0x15, 0x55, 0x5d:
			jump := map[uint8]bool{
				0x15: registers[into] == uint64(int64(each.immediate)), 0x55: registers[into] != uint64(int64(each.immediate)),
				0x5d: registers[into] != registers[from],
			}[each.code]
			if jump {
				at += int(each.offset)
			}
		case 0x95:
			return int32(registers[result])
		default:
			t.Fatalf("instruction %d has the code %#x", at, each.code)
		}
	}
	t.Fatal("the program has no end")
	return 0
}

const context = 1 << 20

func TestOnlyTracingOfProcess1IsRefused(t *testing.T) {
	code, err := tracing(vectorLayout(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name        string
		mode, group uint64
		want        int32
	}{
		{"attach to init", 0x12, 1, notPermitted},
		{"attach to another process", 0x12, 2, 0},
		{"attach to a process whose other half of the word is not zero", 0x12, 7<<32 | 1, notPermitted},
		{"read init's namespaces", 0x11, 1, 0},
	} {
		const task = 1 << 30
		got := run(t, code, map[uint64]uint64{context: task, context + 8: c.mode, task + 24: c.group})
		if got != c.want {
			t.Errorf("%s: %d", c.name, got)
		}
	}
}

func TestOnlyTheSwitchOfFtraceCannotBeOpenedForWriting(t *testing.T) {
	code, err := ftraceSwitch(vectorLayout(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name        string
		mode, magic uint64
		file        string
		want        int32
	}{
		{"write the switch", 0x1e, procMagic, "ftrace_enabled", notPermitted},
		{"read the switch", 0x1d, procMagic, "ftrace_enabled", 0},
		{"write a file of that name elsewhere", 0x1e, 0xef53, "ftrace_enabled", 0},
		{"write a file whose name begins so", 0x1e, procMagic, "ftrace_enabled2", 0},
		{"write a file whose name ends so", 0x1e, procMagic, "xftrace_enabled", 0},
		{"write another setting", 0x1e, procMagic, "ftrace_dump_on", 0},
	} {
		const file, inode, disk, entry = 1 << 30, 1 << 31, 1 << 32, 1 << 33
		first, second := words(c.file)
		got := run(t, code, map[uint64]uint64{
			context: file, file + 8: c.mode, file + 16: inode, inode + 8: disk, disk + 8: c.magic,
			file + 32: entry, entry + 8: first, entry + 16: second | 0xab<<56,
		})
		if got != c.want {
			t.Errorf("%s: %d", c.name, got)
		}
	}
}
