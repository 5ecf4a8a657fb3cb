package datapart

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"kios.dev/init/internal/blockdev"
)

// on returns a flashed disk that has run, on a bus.
func on(bus blockdev.Bus, name, tag string) blockdev.Disk {
	d := disk(name, tag)
	d.Bus = bus
	return d
}

func TestABoardTakesTheMediumThatItStartedFrom(t *testing.T) {
	card, stick := on(blockdev.Card, "mmcblk0", "c"), on(blockdev.USB, "sda", "s")
	freshCard, freshStick := flashed("mmcblk0"), flashed("sda")
	freshCard.Bus, freshStick.Bus = blockdev.Card, blockdev.USB
	foreign := blockdev.Disk{Name: "sdb", Bus: blockdev.USB, Parts: stick.Parts[:0]}
	fromCard, fromUSB := Board{Bus: blockdev.Card}, Board{Bus: blockdev.USB}
	slot := Board{Slot: true}
	for _, c := range []struct {
		name   string
		disks  []blockdev.Disk
		board  Board
		stage  Stage
		choice string
		wait   bool
	}{
		{"another node's stick is there first", disks(stick), fromCard, Quiet, " ", true},
		{"it is not taken at the deadline either", disks(stick), fromCard, Final, " ", false},
		{"the card beside the stick", disks(card, stick), fromCard, Loading, "/dev/mmcblk02 /dev/mmcblk01", false},
		{"a fresh card waits for no twin", disks(freshCard), fromCard, Loading, "/dev/mmcblk02 /dev/mmcblk01", false},
		{"a fresh card and a fresh stick", disks(freshCard, freshStick), fromCard, Loading, "/dev/mmcblk02 /dev/mmcblk01", false},
		{"a USB disk, while another may appear", disks(card, stick, foreign), fromUSB, Settled, "/dev/sda2 /dev/sda1", true},
		{"a USB disk and nothing more comes", disks(card, stick, foreign), fromUSB, Quiet, "/dev/sda2 /dev/sda1", false},
		{"two USB disks of nodes", disks(stick, on(blockdev.USB, "sdb", "t")), fromUSB, Quiet, "twins: /dev/sda1 /dev/sdb1", false},

		{"firmware that does not say: a stick before the card", disks(stick), slot, Quiet, "/dev/sda2 /dev/sda1", true},
		{"the slot stays empty", disks(stick), slot, Final, "/dev/sda2 /dev/sda1", false},
		{"the card, while a stick may appear", disks(card), slot, Settled, "/dev/mmcblk02 /dev/mmcblk01", true},
		{"the card", disks(card, foreign), slot, Quiet, "/dev/mmcblk02 /dev/mmcblk01", false},
		{"card and stick", disks(card, stick), slot, Quiet, "twins: /dev/mmcblk02 /dev/sda2", false},
		{"nothing yet", nil, slot, Quiet, " ", true},
		{"nothing at all", nil, slot, Final, " ", false},
	} {
		choice, wait := Choose(c.disks, Want{Board: c.board}, c.stage)
		text := choice.Device + " " + choice.Boot
		if choice.Twins != nil {
			text = "twins: " + choice.Twins[0] + " " + choice.Twins[1]
		}
		if text != c.choice || wait != c.wait {
			t.Errorf("%s: %q %v, want %q %v", c.name, text, wait, c.choice, c.wait)
		}
		if choice.Boot != "" && choice.Medium.Name == "" {
			t.Errorf("%s: no disk belongs to the machine", c.name)
		}
	}
}

func TestDatapartOnABoardLeavesTheMediumKnown(t *testing.T) {
	card, stick := on(blockdev.Card, "mmcblk0", "c"), on(blockdev.USB, "sda", "s")
	choice, wait := Choose(disks(card, stick), Want{Spec: "/dev/sda2", Board: Board{Bus: blockdev.Card}}, Settled)
	if choice.Device != "/dev/sda2" || choice.Boot != "/dev/mmcblk01" || choice.Medium.Name != "mmcblk0" || wait {
		t.Errorf("%+v %v", choice, wait)
	}
}

func TestTheDeviceTreeSaysWhatABoardStartedFrom(t *testing.T) {
	tree := t.TempDir()
	write := func(name, content string) {
		file := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	check := func(name string, want Board) {
		t.Helper()
		if got := ReadBoard(tree); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if got := ReadBoard(filepath.Join(tree, "none")); got != (Board{}) {
		t.Errorf("a PC: %+v", got)
	}
	write("soc/mmc@7e300000/status", "okay\x00")
	write("soc/mmc@7e300000/wifi@1/reg", "\x00\x00\x00\x01")
	write("soc/mmc@7e202000/status", "disabled\x00")
	check("a board with a wireless card only", Board{})
	write("emmc2bus/mmc@7e340000/compatible", "brcm,bcm2711-emmc2\x00")
	check("an old firmware", Board{Slot: true})
	for mode, bus := range map[string]blockdev.Bus{"\x01": blockdev.Card, "\x04": blockdev.USB, "\x06": blockdev.NVMe, "\x02": ""} {
		write("chosen/bootloader/boot-mode", "\x00\x00\x00"+mode)
		check("boot-mode "+mode[:1], Board{Bus: bus})
	}
	write("chosen/bootloader/boot-mode", "\x01")
	check("a boot-mode of another form", Board{Slot: true})
}

func TestASlowSearchSaysOnceWhatItWaitsFor(t *testing.T) {
	slow, final := make(chan time.Time, 1), make(chan time.Time, 1)
	slow <- time.Time{}
	said := 0
	s := search{
		want: Want{Board: Board{Bus: blockdev.Card}}, slow: slow, final: final,
		disks: func() ([]blockdev.Disk, bool) { return nil, false },
		waits: func() { said++; final <- time.Time{} },
	}
	if choice := s.run(); choice.Device != "" || said != 1 {
		t.Errorf("%+v, said %d times", choice, said)
	}
	for text, want := range map[string]Want{
		"datapart=/dev/sda1":                                   {Spec: "/dev/sda1", BootPart: "x"},
		"the disk booted from":                                 {BootPart: "x"},
		"the memory card booted from":                          {Board: Board{Bus: blockdev.Card}},
		"the disk booted from, by usb":                         {Board: Board{Bus: blockdev.USB}},
		"a memory card in the slot that the device tree names": {Board: Board{Slot: true}},
		"drivers of disks":                                     {},
	} {
		if got := want.lacking(); got != text {
			t.Errorf("%q, want %q", got, text)
		}
	}
}

func TestOnlyACardWritesItsJournalSeldom(t *testing.T) {
	for bus, want := range map[blockdev.Bus]string{
		blockdev.Card: "errors=remount-ro,commit=30", blockdev.USB: "errors=remount-ro", "": "errors=remount-ro",
	} {
		if got := options(bus); got != want {
			t.Errorf("%q: %q, want %q", bus, got, want)
		}
	}
}

func TestTheLoaderSaysWhichFolderItTook(t *testing.T) {
	tree := t.TempDir()
	if prefix, ok := SystemPrefix(tree); ok {
		t.Error(prefix)
	}
	if err := os.MkdirAll(filepath.Join(tree, "chosen"), 0o755); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"system/0002/\x00": "system/0002/", "\x00": "", "": ""} {
		if err := os.WriteFile(filepath.Join(tree, "chosen/os_prefix"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if prefix, ok := SystemPrefix(tree); !ok || prefix != want {
			t.Errorf("%q: %q, %v", text, prefix, ok)
		}
	}
}

func TestABoardIsKnownByItsChip(t *testing.T) {
	for compatible, want := range map[string]string{
		"raspberrypi,4-model-b\x00brcm,bcm2711\x00":           "rpi4",
		"raspberrypi,4-compute-module-io\x00brcm,bcm2711\x00": "rpi4",
		"raspberrypi,5-model-b\x00brcm,bcm2712\x00":           "",
		"": "",
	} {
		tree := t.TempDir()
		if err := os.WriteFile(filepath.Join(tree, "compatible"), []byte(compatible), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := BoardName(tree); got != want {
			t.Errorf("%q: %q", compatible, got)
		}
	}
}
