package devlinks

import (
	"fmt"
	"maps"
	"os"

	"kios.dev/init/internal/blockdev"
	"kios.dev/init/internal/volume"
)

// folders exist on every node, so that a pod may mount them before the first disk appears.
var folders = []string{"by-id", "by-label", "by-partlabel", "by-partuuid", "by-path", "by-uuid"}

// message is something that may have changed a device.
type message struct {
	name string // the device, or "" when all may have changed
	mark int32  // the watch of the device, if there is no name
	read map[string]contents
	disk string // whose devices were read
}

// contents are what was read from a device, and of which medium.
type contents struct {
	seq, size int64
	content   volume.Content
	vendor    string
	entry     entry
	stale     bool
}

type keeper struct {
	tree     *tree
	watcher  *watcher
	messages chan message
	known    map[string]contents
	busy     map[string]bool // disks that are being read
	warn     func(error)
}

// Keep makes the links and keeps them true for as long as the machine runs. It calls warn for each failure. A fault in
// this code, which reads what strangers wrote, costs links and not the machine.
func Keep(warn func(error)) {
	root, err := os.OpenRoot("/dev")
	if err != nil {
		warn(err)
		return
	}
	for _, folder := range folders {
		if err := root.MkdirAll("disk/"+folder, 0o755); err != nil {
			warn(err)
			return
		}
	}
	watcher, err := watch()
	if err != nil {
		warn(err)
		return
	}
	k := &keeper{
		tree: &tree{root, map[string]string{}}, watcher: watcher, messages: make(chan message, 64),
		known: map[string]contents{}, busy: map[string]bool{}, warn: warn,
	}
	if err := subscribe(func(name string) { k.messages <- message{name: name} }); err != nil {
		warn(err)
		return
	}
	go watcher.report(func(mark int32) { k.messages <- message{mark: mark} })
	for {
		k.guarded(k.renew)
		k.take(<-k.messages)
		for more := true; more; { // several events in a row need one look
			select {
			case m := <-k.messages:
				k.take(m)
			default:
				more = false
			}
		}
	}
}

func (k *keeper) guarded(work func()) {
	defer func() {
		if cause := recover(); cause != nil {
			k.warn(fmt.Errorf("device links: %v", cause))
		}
	}()
	work()
}

// take notes what a message says is to be read again.
func (k *keeper) take(m message) {
	name := m.name
	switch {
	case m.disk != "":
		delete(k.busy, m.disk)
		for read, contents := range m.read {
			// It changed again while it was read.
			contents.stale = k.known[read].stale
			k.known[read] = contents
		}
		return
	case m.mark != 0:
		name = k.watcher.names[m.mark]
	case name == "":
		for each, contents := range k.known {
			contents.stale = true
			k.known[each] = contents
		}
		return
	}
	if contents, found := k.known[name]; found {
		contents.stale = true
		k.known[name] = contents
	}
}

// renew compares the devices with the links.
func (k *keeper) renew() {
	devices := Snapshot("/sys")
	k.watcher.follow(devices)
	present := map[string]bool{}
	unread := map[string][]*Device{}
	for _, device := range devices {
		present[device.Name] = true
		found := k.known[device.Name]
		same := found.seq == device.disk().Seq && found.size == device.Size
		if same {
			found.describe(device)
		}
		if !same && device.Number == 0 {
			if err := bePatient("/sys", device); err != nil {
				k.warn(err)
			}
		}
		if !same || found.stale {
			unread[device.disk().Name] = append(unread[device.disk().Name], device)
		}
	}
	for disk, devices := range unread {
		k.begin(disk, devices)
	}
	maps.DeleteFunc(k.known, func(name string, _ contents) bool { return !present[name] })
	if err := k.tree.apply(Links(devices, k.tree.made)); err != nil {
		k.warn(err)
	}
}

// begin reads a disk's devices in the background: one that never replies keeps nobody else waiting.
func (k *keeper) begin(disk string, devices []*Device) {
	if k.busy[disk] {
		return
	}
	k.busy[disk] = true
	for _, device := range devices {
		found := k.known[device.Name]
		found.stale = false
		k.known[device.Name] = found
	}
	go func() {
		read := make(map[string]contents, len(devices))
		for _, device := range devices { // what stays after a fault, so that it does not come again and again
			read[device.Name] = contents{seq: device.disk().Seq, size: device.Size}
		}
		k.guarded(func() { read = readAll(disk, devices) })
		k.messages <- message{disk: disk, read: read}
	}()
}

// describe gives a device what was read from it.
func (c contents) describe(device *Device) {
	device.Content, device.VendorText = c.content, c.vendor
	if c.entry != (entry{}) {
		device.PartUUID, device.PartName = c.entry.uuid, c.entry.name
	}
}

// readAll reads these devices of a disk. One that cannot be read has no links of its content, until it changes.
func readAll(disk string, devices []*Device) map[string]contents {
	var numbers []int
	for _, device := range devices {
		if device.Number > 0 {
			numbers = append(numbers, device.Number)
		}
	}
	var table map[int]entry
	if len(numbers) > 0 {
		table = readTable(disk, numbers)
	}
	read := make(map[string]contents, len(devices))
	for _, device := range devices {
		found := contents{seq: device.disk().Seq, size: device.Size, entry: table[device.Number]}
		found.content, _ = readContent(device.Name, device.Size)
		if hasVendorText(device) {
			found.vendor = readVendorText(device.Name)
		}
		read[device.Name] = found
	}
	return read
}

func readContent(name string, size int64) (volume.Content, error) {
	device, err := os.Open(blockdev.Path(name))
	if err != nil {
		return volume.Content{}, err
	}
	defer device.Close()
	return volume.ReadContent(device, size)
}
