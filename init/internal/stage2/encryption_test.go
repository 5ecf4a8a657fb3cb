package stage2

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/encrypted"
	"kios.dev/init/internal/eventlog"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/modules"
	"kios.dev/init/internal/repeat"
	"kios.dev/init/internal/tpm"
)

// honest is a TPM that keeps what it is given.
type honest struct{}

func (honest) Seal(secret []byte, _ *rsa.PublicKey, keyID string) (tpm.Sealed, error) {
	return tpm.Sealed{Private: bytes.Clone(secret), KeyID: keyID}, nil
}

func (honest) Unseal(sealed tpm.Sealed, _ tpm.Signed) ([]byte, error) { return sealed.Private, nil }

// refusing is one that keeps it to itself.
type refusing struct {
	honest
	why error
}

func (r refusing) Unseal(tpm.Sealed, tpm.Signed) ([]byte, error) { return nil, r.why }

// partition writes a device that has this at these places.
func partition(t *testing.T, parts map[int64]string) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "partition"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(2 << 20); err != nil {
		t.Fatal(err)
	}
	for at, text := range parts {
		if _, err := file.WriteAt([]byte(text), at); err != nil {
			t.Fatal(err)
		}
	}
	return file.Name()
}

// volumeOn makes a volume on a device, and returns its recovery key.
func volumeOn(t *testing.T, device string) string {
	t.Helper()
	v, recovery, err := encrypted.Make("01234567-89ab-4def-8123-456789abcdef", encrypted.Machine{TPM: honest{}})
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := v.Shown(); err != nil {
		t.Fatal(err)
	}
	if err := v.Write(file); err != nil {
		t.Fatal(err)
	}
	return recovery
}

// The build's file system as it is flashed, and the same after a mount.
const (
	ext4Magic = "\x53\xef"
	buildUUID = "\xb1\xcb\x5b\xea\x2e\xe6\x80\x39\xb8\x0d\x52\xf6\xad\xa2\x20\x8e"
)

func TestAPartitionIsUsedOrLeftAloneAndEachReasonIsTold(t *testing.T) {
	untouched := map[int64]string{1024 + 56: ext4Magic, 1024 + 104: buildUUID}
	used := map[int64]string{1024 + 56: ext4Magic, 1024 + 104: buildUUID, 1024 + 52: "\x01"}
	for name, c := range map[string]struct {
		content map[int64]string
		volume  bool
		asked   asked
		used    bool
		says    string
	}{
		"untouched, nothing asked":             {untouched, false, asked{}, true, ""},
		"used, nothing asked":                  {used, false, asked{}, true, ""},
		"no file system, nothing asked":        {nil, false, asked{}, true, ""},
		"used, encryption asked":               {used, false, asked{encrypt: true}, true, fault.CryptPlain},
		"no file system, encryption asked":     {nil, false, asked{encrypt: true}, true, fault.CryptPlain},
		"untouched, encryption asked":          {untouched, false, asked{encrypt: true}, false, fault.CryptMake},
		"untouched, an unreadable medium":      {untouched, false, asked{unread: unix.EIO}, false, fault.CryptMake},
		"used, an unreadable medium":           {used, false, asked{unread: unix.EIO}, true, ""},
		"no file system, an unreadable medium": {nil, false, asked{unread: unix.EIO}, true, ""},
		"a volume, an unreadable medium":       {nil, true, asked{unread: unix.EIO}, false, fault.CryptSystem},
		"a volume":                             {nil, true, asked{}, false, fault.CryptSystem},
		"a volume, encryption asked":           {nil, true, asked{encrypt: true}, false, fault.CryptSystem},
		"a volume and a wrong key":             {nil, true, asked{recovery: "00000-00000-00000-00000-00000-00000-00000-00000"}, false, fault.CryptKey},
		"a volume and what is no key":          {nil, true, asked{recovery: "?"}, false, fault.CryptKey},
		"two damaged headers of a volume":      {map[int64]string{450: "\x00\x00\x00", 16384 + 450: "\x00\x00\x00"}, true, asked{}, false, fault.CryptHeader},
		"two damaged headers, asked to make":   {map[int64]string{450: "\x00\x00\x00", 16384 + 450: "\x00\x00\x00"}, true, asked{encrypt: true}, false, fault.CryptHeader},
		"an ext4 whose second header is whole": {map[int64]string{1024 + 56: ext4Magic, 1024 + 104: buildUUID, 0: "\x00"}, true, asked{encrypt: true}, false, fault.CryptSystem},
	} {
		device := partition(t, nil)
		if c.volume {
			volumeOn(t, device)
		}
		file, err := os.OpenFile(device, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		for at, text := range c.content {
			file.WriteAt([]byte(text), at)
		}
		file.Close()
		before, _ := os.ReadFile(device)
		content, said := openWith(t, device, c.asked)
		if c.used != (content == device) || !c.used && content != "" {
			t.Errorf("%s: uses %q", name, content)
		}
		if c.says == "" && said != "" || !strings.Contains(said, c.says) {
			t.Errorf("%s: %s", name, said)
		}
		if after, _ := os.ReadFile(device); !bytes.Equal(before, after) {
			t.Errorf("%s: the partition was written to", name)
		}
	}
}

func TestAVolumeThatAnotherSystemInPCR11KeepsClosedIsNoted(t *testing.T) {
	for _, c := range []struct {
		why    error
		closed bool
	}{{tpm.ErrSystem, true}, {tpm.ErrWords, false}, {tpm.ErrOther, false}, {tpm.ErrKey, false}} {
		device := partition(t, nil)
		volumeOn(t, device)
		file, err := os.Open(device)
		if err != nil {
			t.Fatal(err)
		}
		h, _, _ := living(t)
		h.faults, h.versions = repeat.New(), &versions{}
		if content := h.unlock(device, file, encrypted.Machine{TPM: refusing{why: c.why}}); content != "" || h.versions.start.Closed != c.closed {
			t.Errorf("%v: %q, closed %v", c.why, content, h.versions.start.Closed)
		}
		file.Close()
	}
}

// noModules loads modules where the kernel has everything built in.
func noModules(t *testing.T) *modules.Loader {
	t.Helper()
	builtIn, err := modules.Open("/no/such/table", "/no/such/folder")
	if err != nil {
		t.Fatal(err)
	}
	return builtIn
}

// openWith opens a partition on a machine whose system nobody has signed.
func openWith(t *testing.T, device string, a asked) (content, said string) {
	t.Helper()
	var console bytes.Buffer
	log, err := eventlog.Open(t.TempDir(), eventlog.NewConsoles(&console))
	if err != nil {
		t.Fatal(err)
	}
	h := &host{log: log, asked: a, faults: repeat.New(), modules: noModules(t), versions: &versions{}}
	content = h.openData(device)
	log.Flush(time.Second)
	return content, console.String()
}

func TestWhatPeopleAskForIsReadAndTheirKeyIsTakenOff(t *testing.T) {
	folder := t.TempDir()
	if a := readAsked(folder); a != (asked{}) {
		t.Errorf("%+v", a)
	}
	for name, text := range map[string]string{encrypted.AskFile: "", encrypted.KeyFile: "key\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if a := readAsked(folder); a != (asked{encrypt: true, recovery: "key\n"}) {
		t.Errorf("%+v", a)
	}
	second := filepath.Join(t.TempDir(), "second") // what the medium's blocks have afterwards
	if err := os.Link(filepath.Join(folder, encrypted.KeyFile), second); err != nil {
		t.Fatal(err)
	}
	if err := wipe(folder, encrypted.KeyFile); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(second); err != nil || strings.Trim(string(text), "\x00") != "" || len(text) != 4 {
		t.Errorf("%q %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(folder, encrypted.KeyFile)); !os.IsNotExist(err) {
		t.Error("the key is still there")
	}
	if err := wipe(folder, encrypted.KeyFile); !os.IsNotExist(err) {
		t.Error(err)
	}
}

func TestAMediumThatCannotBeReadIsNoMediumThatDoesNotAsk(t *testing.T) {
	loop := t.TempDir()
	if err := os.Symlink(encrypted.AskFile, filepath.Join(loop, encrypted.AskFile)); err != nil {
		t.Fatal(err)
	}
	if a := readAsked(loop); a.encrypt || !errors.Is(a.unread, unix.ELOOP) {
		t.Errorf("a file that cannot be opened: %+v", a)
	}
	defer os.Remove(runDir) // a mount point is made there
	for device, unread := range map[string]bool{"": false, "/dev/null": true} {
		h, _, _ := living(t)
		h.modules = noModules(t)
		if h.takeArguments(device) || (h.asked.unread != nil) != unread {
			t.Errorf("%q: %+v", device, h.asked)
		}
	}
}

func TestARecoveryKeyIsOnTheConsoleAndInNoLog(t *testing.T) {
	if err := os.MkdirAll(filepath.Dir(recoveryFile), 0o700); err != nil {
		t.Skip("needs root")
	}
	defer os.Remove(recoveryFile)
	dir, device := t.TempDir(), partition(t, nil)
	var console bytes.Buffer
	log, err := eventlog.Open(dir, eventlog.NewConsoles(&console))
	if err != nil {
		t.Fatal(err)
	}
	v, recovery, err := encrypted.Make("01234567-89ab-4def-8123-456789abcdef", encrypted.Machine{TPM: honest{}})
	if err != nil {
		t.Fatal(err)
	}
	h := &host{log: log, faults: repeat.New()}
	h.showRecovery(device, v, recovery)
	log.Flush(time.Second)
	if strings.Count(console.String(), recovery) != 1 {
		t.Error(console.String())
	}
	if text, err := os.ReadFile(recoveryFile); err != nil || string(text) != recovery+"\n" {
		t.Error(string(text), err)
	}
	if info, err := os.Stat(recoveryFile); err != nil || info.Mode().Perm() != 0o400 {
		t.Error(info, err)
	}
	filepath.Walk(dir, func(path string, info os.FileInfo, _ error) error {
		if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(recovery)) {
			t.Error("it is in", path)
		}
		return nil
	})
	if again, err := v.NewRecovery(); again != "" || err != nil {
		t.Error("nobody noted that it was shown", again, err)
	}
}
