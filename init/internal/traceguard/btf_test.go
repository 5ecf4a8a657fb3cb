package traceguard

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// writer makes type information as the kernel's build does.
type writer struct{ entries, names []byte }

func (w *writer) word(n uint32) { w.entries = binary.LittleEndian.AppendUint32(w.entries, n) }

func (w *writer) name(name string) uint32 {
	if len(w.names) == 0 {
		w.names = []byte{0}
	}
	if name == "" {
		return 0
	}
	if at := bytes.Index(w.names, []byte("\x00"+name+"\x00")); at >= 0 { // each name is there once
		return uint32(at + 1)
	}
	at := len(w.names)
	w.names = append(append(w.names, name...), 0)
	return uint32(at)
}

// entry adds a type whose words beyond the third follow it.
func (w *writer) entry(kind uint32, name string, info uint32, more ...uint32) {
	w.word(w.name(name))
	w.word(kind<<24 | info)
	w.word(0)
	for _, n := range more {
		w.word(n)
	}
}

// member returns the words of a member: its name, type and offset in bits.
func (w *writer) member(name string, kind, bits uint32) []uint32 {
	return []uint32{w.name(name), kind, bits}
}

func (w *writer) bytes() []byte {
	data := make([]byte, headerSize)
	binary.LittleEndian.PutUint16(data, magic)
	for i, n := range []uint32{headerSize, 0, uint32(len(w.entries)), uint32(len(w.entries)), uint32(len(w.names))} {
		binary.LittleEndian.PutUint32(data[4+4*i:], n)
	}
	return append(append(data, w.entries...), w.names...)
}

// example has a function of the same name as a structure, and a structure whose fields are in one without a name, as
// where the kernel's layout is random.
func example() []byte {
	w := &writer{}
	w.entry(kindInt, "int", 0, 32)                                                                                             // 1
	w.entry(kindFuncProto, "", 1, 0, 1)                                                                                        // 2
	w.entry(kindFunc, "task_struct", 0)                                                                                        // 3
	w.entry(kindArray, "", 0, 1, 1, 4)                                                                                         // 4
	w.entry(kindUnion, "", 1, w.member("exit_state", 1, 0)...)                                                                 // 5
	w.entry(kindStruct, "", 3, append(append(w.member("state", 1, 0), w.member("tgid", 1, 64)...), w.member("", 5, 96)...)...) // 6
	w.entry(kindStruct, "task_struct", 3, append(append(w.member("thread_info", 4, 0), w.member("", 6, 128)...), w.member("odd", 1, 3)...)...)
	w.entry(kindFunc, "bpf_lsm_file_open", 0) // 8
	return w.bytes()
}

func TestAFieldIsFoundInStructuresWithoutAName(t *testing.T) {
	kernel, err := parse(example())
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]int16{"thread_info": 0, "tgid": 24, "exit_state": 28} {
		if got, err := kernel.offset("task_struct", field); err != nil || got != want {
			t.Errorf("%s: %d %v", field, got, err)
		}
	}
	for _, field := range []string{"odd", "tgi", "missing", ""} {
		if got, err := kernel.offset("task_struct", field); err == nil {
			t.Errorf("%q: %d", field, got)
		}
	}
}

func TestAFunctionIsFoundByItsKind(t *testing.T) {
	kernel, _ := parse(example())
	for name, want := range map[string]uint32{"task_struct": 3, "bpf_lsm_file_open": 8} {
		if got, err := kernel.function(name); err != nil || got != want {
			t.Errorf("%s: %d %v", name, got, err)
		}
	}
	if _, err := kernel.function("bpf_lsm_missing"); err == nil || !strings.Contains(err.Error(), "bpf_lsm_missing") {
		t.Error(err)
	}
	if _, err := kernel.function("int"); err == nil {
		t.Error("a number was taken for a function")
	}
}

func TestTruncatedAndAlteredInformationIsAnError(t *testing.T) {
	whole := example()
	for size := range whole {
		kernel, err := parse(whole[:size])
		if err != nil {
			continue
		}
		kernel.offset("task_struct", "tgid") // must not panic
	}
	for at := range whole {
		altered := append([]byte(nil), whole...)
		altered[at] ^= 0xff
		if kernel, err := parse(altered); err == nil {
			kernel.offset("task_struct", "tgid")
			kernel.function("bpf_lsm_file_open")
		}
	}
}
