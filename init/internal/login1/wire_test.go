package login1

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// calls returns the messages in testdata: what kubelet 1.36.3 sends by godbus 5.2.2, and such messages damaged.
func calls(t testing.TB) map[string][]byte {
	files, err := filepath.Glob("testdata/*.bin")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	found := map[string][]byte{}
	for _, file := range files {
		if found[filepath.Base(file)], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func TestKubeletsMessagesAreRead(t *testing.T) {
	recorded := calls(t)
	for file, want := range map[string]struct {
		message
		texts []string
	}{
		"hello.bin":     {message{path: "/org/freedesktop/DBus", iface: bus, member: "Hello", destination: bus}, []string{}},
		"get.bin":       {message{path: objectPath, iface: properties, member: "Get", destination: service}, []string{manager, delayMax}},
		"inhibit.bin":   {message{path: objectPath, iface: manager, member: "Inhibit", destination: service}, []string{"shutdown", "kubelet", "Kubelet needs time to handle node shutdown", "delay"}},
		"add-match.bin": {message{path: "/org/freedesktop/DBus", iface: bus, member: "AddMatch", destination: bus}, []string{rule}},
	} {
		m, err := readMessage(bytes.NewReader(recorded[file]))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		texts, err := m.texts(len(want.texts))
		if err != nil || !reflect.DeepEqual(texts, want.texts) {
			t.Errorf("%s: %q, %v", file, texts, err)
		}
		m.kind, m.serial, m.signatures, m.body, m.order = 0, 0, "", nil, nil
		if !reflect.DeepEqual(m, want.message) {
			t.Errorf("%s: %+v", file, m)
		}
	}
}

func TestAMessageOfTheOtherByteOrderIsRead(t *testing.T) {
	text := []byte("B\x04\x01\x01\x00\x00\x00\x08\x00\x00\x00\x07\x00\x00\x00\x07\x08\x01g\x00\x01s\x00\x00\x00\x00\x00\x03abc\x00")
	m, err := readMessage(bytes.NewReader(text))
	if err != nil || m.serial != 7 || m.kind != kindSignal {
		t.Fatalf("%+v, %v", m, err)
	}
	if texts, err := m.texts(1); err != nil || texts[0] != "abc" {
		t.Error(texts, err)
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	sent := message{
		kind: kindError, flags: flagNoReply, serial: 9, replySerial: 8, path: objectPath, iface: manager, member: "a",
		errorName: "b.c", destination: ":1.1", sender: bus, fds: 1,
	}.withText("a text")
	m, err := readMessage(bytes.NewReader(sent.bytes()))
	sent.order = binary.LittleEndian
	if err != nil || !reflect.DeepEqual(m, sent) {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestOtherBytesAreRefused(t *testing.T) {
	good := message{kind: kindCall, serial: 1, member: "a"}.withText("b")
	whole := good.bytes()
	for length := range whole {
		if _, err := readMessage(bytes.NewReader(whole[:length])); err == nil {
			t.Errorf("%d of %d bytes are a message", length, len(whole))
		}
	}
	for name, change := range map[string]func([]byte){
		"byte order":       func(b []byte) { b[0] = 'x' },
		"kind":             func(b []byte) { b[1] = 0 },
		"version":          func(b []byte) { b[3] = 2 },
		"body's length":    func(b []byte) { b[6] = 1 },
		"serial number":    func(b []byte) { b[8] = 0 },
		"fields' length":   func(b []byte) { b[14] = 1 },
		"type of a field":  func(b []byte) { b[18] = 'v' },
		"text's length":    func(b []byte) { b[20] = 0xff },
		"text's end":       func(b []byte) { b[25] = 1 },
		"zero in a text":   func(b []byte) { b[24] = 0 },
		"length of a type": func(b []byte) { b[17] = 200 },
	} {
		damaged := bytes.Clone(whole)
		change(damaged)
		if m, err := readMessage(bytes.NewReader(damaged)); !errors.Is(err, errForm) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	for name, m := range map[string]message{
		"other types":   {signatures: "u", body: make([]byte, 4), order: binary.LittleEndian},
		"no text":       {signatures: "s", order: binary.LittleEndian},
		"bytes behind":  {signatures: "s", body: make([]byte, 6), order: binary.LittleEndian},
		"endless text":  {signatures: "s", body: []byte{0xff, 0xff, 0xff, 0xff}, order: binary.LittleEndian},
		"two for a one": {signatures: "ss", body: make([]byte, 13), order: binary.LittleEndian},
	} {
		if texts, err := m.texts(1); err == nil {
			t.Errorf("%s: %q", name, texts)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, message := range calls(f) {
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := readMessage(bytes.NewReader(data))
		if err != nil {
			return
		}
		for count := range 5 {
			m.texts(count)
		}
		for _, text := range []string{m.path, m.iface, m.member, m.errorName, m.destination, m.sender, m.signatures} {
			if len(text) > len(data) {
				t.Errorf("a text of %d bytes from %d", len(text), len(data))
			}
		}
		m.order, m.body = binary.LittleEndian, nil
		again, err := readMessage(bytes.NewReader(m.bytes()))
		if again.body = nil; err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("%+v is read as %+v, %v", m, again, err)
		}
	})
}

func FuzzMatch(f *testing.F) {
	f.Add(rule)
	f.Add("type='signal',,x=")
	f.Fuzz(func(_ *testing.T, rule string) { matchesPrepare(rule) })
}
