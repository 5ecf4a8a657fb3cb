package datapart

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"

	"kios.dev/init/internal/blockdev"
)

// Board is what the device tree of a board without UEFI says about the medium that it started from. The zero value is
// that of any other machine.
type Board struct {
	Bus blockdev.Bus // of the disk booted from, or "" when the firmware does not say
	// Slot means that there is a slot for memory cards and that the firmware does not say whether it booted from it.
	Slot bool
}

// Tree is the folder of the device tree.
const Tree = "/sys/firmware/devicetree/base"

// bootBuses are the values of boot-mode that stand for a disk (Raspberry Pi documentation, BOOT_ORDER).
var bootBuses = map[uint32]blockdev.Bus{1: blockdev.Card, 4: blockdev.USB, 5: blockdev.USB, 6: blockdev.NVMe}

// ReadBoard reads what the firmware of a Raspberry Pi leaves in the device tree.
func ReadBoard(tree string) Board {
	if mode, err := os.ReadFile(filepath.Join(tree, "chosen/bootloader/boot-mode")); err == nil && len(mode) == 4 {
		return Board{Bus: bootBuses[binary.BigEndian.Uint32(mode)]}
	}
	return Board{Slot: hasSlot(tree)}
}

// boards are those of which there are images, by the chip that the device tree is for.
var boards = map[string]string{"brcm,bcm2711": "rpi4"}

// BoardName returns the board, or "" for one that is not known.
func BoardName(tree string) string {
	compatible, _ := os.ReadFile(filepath.Join(tree, "compatible"))
	for chip := range strings.SplitSeq(string(compatible), "\x00") {
		if name, ok := boards[chip]; ok {
			return name
		}
	}
	return ""
}

// SystemPrefix returns what a board's loader put before the names of the files that it started, "" for nothing. Loaders
// of other machines do not say it.
func SystemPrefix(tree string) (prefix string, ok bool) {
	text, err := os.ReadFile(filepath.Join(tree, "chosen/os_prefix"))
	return strings.TrimRight(string(text), "\x00"), err == nil
}

// hasSlot reports whether the tree has a host of memory cards that is in use and is not one of a wireless card.
func hasSlot(tree string) bool {
	for _, pattern := range []string{"mmc@*", "*/mmc@*"} {
		hosts, _ := filepath.Glob(filepath.Join(tree, pattern))
		for _, host := range hosts {
			status, err := os.ReadFile(filepath.Join(host, "status"))
			used := err != nil || strings.HasPrefix(string(status), "ok")
			if wireless, _ := filepath.Glob(filepath.Join(host, "wifi@*")); used && len(wireless) == 0 {
				return true
			}
		}
	}
	return false
}

// lacking returns what a search waits for, in the words of the log.
func (w Want) lacking() string {
	switch {
	case w.Spec != "":
		return "datapart=" + w.Spec
	case w.BootPart != "":
		return "the disk booted from"
	case w.Board.Bus == blockdev.Card:
		return "the memory card booted from"
	case w.Board.Bus != "":
		return "the disk booted from, by " + string(w.Board.Bus)
	case w.Board.Slot:
		return "a memory card in the slot that the device tree names"
	}
	return "drivers of disks"
}
