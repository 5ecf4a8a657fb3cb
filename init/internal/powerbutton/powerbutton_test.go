package powerbutton

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

func TestFindReturnsDevicesWithAPowerKey(t *testing.T) {
	class := t.TempDir()
	for name, bitmap := range map[string]string{
		"event0": "10000000000000 0\n",    // an ACPI power button: bit 116
		"event1": "4000 0 0\n",            // a sleep button: bit 142
		"event2": "10000000000000\n",      // bit 52: words count from the end
		"event3": "ff 10000000000000 0\n", // a keyboard that has a power key too
		"event4": "not a bitmap at all\n",
		"event5": "",
	} {
		dir := filepath.Join(class, name, "device/capabilities")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "key"), []byte(bitmap), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	found := find(class)
	if len(found) != 2 || found[0] != "event0" || found[1] != "event3" {
		t.Errorf("found %q", found)
	}
}

func event(kind, code uint16, value uint32) []byte {
	bytes := make([]byte, 16, eventSize)
	bytes = binary.NativeEndian.AppendUint16(bytes, kind)
	bytes = binary.NativeEndian.AppendUint16(bytes, code)
	return binary.NativeEndian.AppendUint32(bytes, value)
}

func TestListenSendsOnlyPresses(t *testing.T) {
	stream := bytes.Join([][]byte{
		event(evKey, keyPower, pressed), event(0, 0, 0), // with the end of the report
		event(evKey, keyPower, 0),   // released
		event(evKey, keyPower, 2),   // held
		event(evKey, 142, pressed),  // another key
		event(2, keyPower, pressed), // not a key
		event(evKey, keyPower, pressed),
		make([]byte, 5), // the device disappears in the middle of an event
	}, nil)
	presses := make(chan struct{}, 8)
	listen(bytes.NewReader(stream), presses)
	if len(presses) != 2 {
		t.Errorf("%d presses, want 2", len(presses))
	}
}
