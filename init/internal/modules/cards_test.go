package modules

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

const cardsTable = "alias pci:v00008086d*bc02* dca.ko igb.ko\nalias pci:v000010ECd*bc02* r8169.ko\n"

// machineWithCards has the devices of these modaliases, and links with (`eth0`) or without (`-dummy0`) a device.
func machineWithCards(t *testing.T, modaliases []string, links ...string) *Cards {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("table", cardsTable)
	for i, modalias := range modaliases {
		write("sys/bus/pci/devices/"+string(rune('a'+i))+"/modalias", modalias+"\n")
	}
	for _, link := range links {
		if link[0] == '-' {
			write("sys/class/net/"+link[1:]+"/address", "")
		} else {
			write("sys/class/net/"+link+"/device/vendor", "")
		}
	}
	cards := NewCards(dir+"/table", "/m", dir+"/settings", nil)
	cards.sys = dir + "/sys"
	return cards
}

// record replaces the system call. Files named in errs fail.
func record(c *Cards, errs map[string]error) *[]string {
	var inserted []string
	c.insert = c.counting(func(path string) error {
		inserted = append(inserted, filepath.Base(path))
		return errs[filepath.Base(path)]
	})
	return &inserted
}

const igb = "pci:v00008086d00001533bc02"

func TestCardsWithoutADriverGetIt(t *testing.T) {
	c := machineWithCards(t, []string{igb, "pci:v00001AF4d00001042bc01"}, "-lo", "-dummy0")
	inserted := record(c, nil)
	files, err := c.Load()
	if err != nil || files != 2 || !slices.Equal(*inserted, []string{"dca.ko", "igb.ko"}) {
		t.Errorf("%d files, inserted %v: %v", files, *inserted, err)
	}
}

func TestADriverThatTheNodeLacksIsNoFaultAndOthersLoad(t *testing.T) {
	c := machineWithCards(t, []string{igb, "pci:v000010ECd00008168bc02"})
	record(c, map[string]error{"dca.ko": unix.ENOENT, "igb.ko": unix.EKEYREJECTED})
	files, err := c.Load()
	if files != 1 || !errors.Is(err, unix.EKEYREJECTED) || errors.Is(err, unix.ENOENT) {
		t.Errorf("%d files: %v", files, err)
	}
}

func TestCardsAreLeftToTheModuleLoader(t *testing.T) {
	for name, prepare := range map[string]func(c *Cards){
		"where a card works": func(c *Cards) {
			if err := os.MkdirAll(c.sys+"/class/net/eth0/device", 0o755); err != nil {
				t.Fatal(err)
			}
		},
		"with settings": func(c *Cards) {
			if err := errors.Join(os.MkdirAll(c.settings+"/modprobe.d", 0o755), os.WriteFile(c.settings+"/modprobe.d/a.conf", nil, 0o644)); err != nil {
				t.Fatal(err)
			}
		},
		"with settings that cannot be read": func(c *Cards) { c.settings = c.sys + "/bus/pci/devices/a/modalias/no" },
		"with a word on what not to load":   func(c *Cards) { c.words = []string{"quiet", "modprobe.blacklist=igb"} },
		"with a parameter of a driver":      func(c *Cards) { c.words = []string{"r8169.use_dac=1"} },
	} {
		c := machineWithCards(t, []string{igb})
		prepare(c)
		inserted := record(c, nil)
		if files, err := c.Load(); err != nil || files != 0 || len(*inserted) != 0 {
			t.Errorf("%s: %d files, inserted %v: %v", name, files, *inserted, err)
		}
	}
}

func TestTheTableIsReadOnlyWhereInitMayLoad(t *testing.T) {
	for name, c := range map[string]struct {
		links, settings []string
		read            bool
	}{
		"no card works": {[]string{"-lo"}, nil, true},
		"a card works":  {[]string{"-lo", "eth0"}, nil, false},
		"with settings": {[]string{"-lo"}, []string{"a.conf"}, false},
	} {
		cards := machineWithCards(t, nil, c.links...)
		cards.source = t.TempDir() // reading it fails
		for _, file := range c.settings {
			if err := errors.Join(os.MkdirAll(cards.settings, 0o755), os.WriteFile(filepath.Join(cards.settings, file), nil, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := cards.Load(); c.read != (err != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOtherWordsAndTheImagesOwnSettingsLeaveThemToInit(t *testing.T) {
	c := machineWithCards(t, []string{igb})
	c.words = []string{"quiet", "kios.data=none", "nvme_core.io_timeout=4294967295", "console=ttyS0"}
	err := errors.Join(os.MkdirAll(c.settings+"/modprobe.d", 0o755), os.WriteFile(c.settings+"/modprobe.d/zz-image.conf", nil, 0o644))
	if err != nil {
		t.Fatal(err)
	}
	record(c, nil)
	if files, err := c.Load(); err != nil || files != 2 {
		t.Errorf("%d files: %v", files, err)
	}
}

func TestAFileHasTheKernelsNameOfItsModule(t *testing.T) {
	for file, want := range map[string]string{"kernel/a/i2c-algo-bit.ko": "i2c_algo_bit", "x.ko.zst": "x"} {
		if got := NameOf(file); got != want {
			t.Errorf("%s: %s", file, got)
		}
	}
}
