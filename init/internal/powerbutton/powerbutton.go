// Package powerbutton reports presses of the power button, by which hypervisors and clouds also ask a machine to stop.
package powerbutton

import (
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// From linux/input-event-codes.h.
const (
	evKey    = 0x01
	keyPower = 116
	pressed  = 1
)

// eventSize is the size of struct input_event on 64-bit machines (linux/input.h): two 64-bit times, type, code, value.
const eventSize = 24

// Presses sends a value for each press of one of the machine's power buttons. Buttons are part of the board, so none
// appears later.
func Presses() <-chan struct{} {
	presses := make(chan struct{})
	for _, device := range find("/sys/class/input") {
		// A button that cannot be opened is ignored without a report: nobody could do anything about it.
		if button, err := os.Open("/dev/input/" + device); err == nil {
			go func() {
				defer button.Close()
				listen(button, presses)
			}()
		}
	}
	return presses
}

// find returns the names of input devices that have a power key.
func find(class string) []string {
	files, _ := filepath.Glob(class + "/event*/device/capabilities/key")
	var names []string
	for _, file := range files {
		bitmap, err := os.ReadFile(file)
		if err == nil && hasKey(string(bitmap), keyPower) {
			name, _, _ := strings.Cut(strings.TrimPrefix(file, class+"/"), "/")
			names = append(names, name)
		}
	}
	return names
}

// hasKey reports whether a bitmap of sysfs contains a key: hexadecimal 64-bit words, the highest first.
func hasKey(bitmap string, key int) bool {
	words := strings.Fields(bitmap)
	index := len(words) - 1 - key/64
	if index < 0 {
		return false
	}
	word, err := strconv.ParseUint(words[index], 16, 64)
	return err == nil && word>>(key%64)&1 == 1
}

// listen reads events until the device is gone.
func listen(device io.Reader, presses chan<- struct{}) {
	var event [eventSize]byte
	for {
		if _, err := io.ReadFull(device, event[:]); err != nil {
			return
		}
		kind, code := binary.NativeEndian.Uint16(event[16:]), binary.NativeEndian.Uint16(event[18:])
		if kind == evKey && code == keyPower && binary.NativeEndian.Uint32(event[20:]) == pressed {
			presses <- struct{}{}
		}
	}
}
