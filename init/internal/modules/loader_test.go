package modules

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func open(t *testing.T, table string) *Loader {
	path := filepath.Join(t.TempDir(), "table")
	if err := os.WriteFile(path, []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := Open(path, "/m")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAFileIsLoadedOnceAndOtherCallersWait(t *testing.T) {
	l := open(t, "always a.ko b.ko\nfs x a.ko x.ko\n")
	var mu sync.Mutex
	var order []string
	free := make(chan struct{})
	l.insert = func(path string) error {
		if path == "/m/a.ko" {
			<-free
		}
		mu.Lock()
		defer mu.Unlock()
		order = append(order, filepath.Base(path))
		return nil
	}
	var all sync.WaitGroup
	all.Go(func() { l.LoadAlways() })
	all.Go(func() { l.LoadFS("x") })
	close(free)
	all.Wait()
	if got := strings.Join(order, " "); got != "a.ko b.ko x.ko" && got != "a.ko x.ko b.ko" {
		t.Error(got)
	}
}

func TestAFailedFileDoesNotStopOthersAndIsNotTriedAgain(t *testing.T) {
	l := open(t, "always bad.ko good.ko")
	calls := 0
	l.insert = func(path string) error {
		calls++
		if strings.HasSuffix(path, "bad.ko") {
			return errors.New("no")
		}
		return nil
	}
	for range 2 {
		if err := l.LoadAlways(); err == nil || err.Error() != "load bad.ko: no" {
			t.Error(err)
		}
	}
	if calls != 2 {
		t.Errorf("%d calls", calls)
	}
}

func TestWithoutATableEverythingIsBuiltIn(t *testing.T) {
	l, err := Open("/nonexistent/table", "/m")
	if err != nil {
		t.Fatal(err)
	}
	l.insert = func(string) error { return errors.New("nothing to load") }
	if err := errors.Join(l.LoadAlways(), l.LoadDevices(), l.LoadFS("ext4")); err != nil {
		t.Error(err)
	}
}

func TestDevicesAreKnownByTheFilesThatTheirBusHas(t *testing.T) {
	sys := t.TempDir()
	for file, text := range map[string]string{
		"bus/pci/devices/0000:00:01.0/modalias":         "pci:v00001000d0000005D\n",
		"bus/scsi/devices/0:0:0:0/modalias":             "scsi:t-0x00\n",
		"bus/vmbus/devices/4487b255/modalias":           "vmbus:d96361ba\n",
		"bus/xen/devices/vbd-51712/modalias":            "xen:vbd\n",
		"bus/platform/devices/fe340000.mmc/modalias":    "of:NmmcT(null)Cbrcm,bcm2711-emmc2\n",
		"bus/platform/devices/fe340000.mmc/uevent":      "MODALIAS=read twice\n",
		"bus/mmc/devices/mmc0:aaaa/uevent":              "MMC_TYPE=SD\nMMC_NAME=SC16G\nMODALIAS=mmc:block\n",
		"bus/usb/devices/1-1:1.0/modalias":              "usb:v0781p5581d0100dc00dsc00dp00ic08isc06ip50in00\n",
		"devices/pci0000:00/0000:00:02.0/only/modalias": "on no bus\n",
	} {
		if err := os.MkdirAll(filepath.Join(sys, filepath.Dir(file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sys, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	found := modaliases(sys)
	slices.Sort(found)
	want := []string{
		"mmc:block", "of:NmmcT(null)Cbrcm,bcm2711-emmc2", "pci:v00001000d0000005D", "scsi:t-0x00",
		"usb:v0781p5581d0100dc00dsc00dp00ic08isc06ip50in00", "vmbus:d96361ba", "xen:vbd",
	}
	if !slices.Equal(found, want) {
		t.Errorf("%q", found)
	}
}
