package eventlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kios.dev/init/internal/hostlogs"
)

const limit = 4000

// kept returns a log that is being kept, and the folder of this boot. Each prepare comes before the keeper runs.
func kept(t *testing.T, prepare ...func(*Log)) (l *Log, dir string) {
	t.Helper()
	l, err := Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	l.keeper.pace, l.keeper.hurry = time.Millisecond, time.Millisecond
	boots := t.TempDir()
	l.Info("early")
	for _, each := range prepare {
		each(l)
	}
	l.Keep(Keeping{boots, limit, hostlogs.Record{BootID: "b", Version: "1", Kernel: "6"}})
	t.Cleanup(func() { l.Settle("reboot") })
	return l, filepath.Join(boots, "000001")
}

// awaitText waits until a file contains a text.
func awaitText(t *testing.T, path, wanted string) string {
	t.Helper()
	var text []byte
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if text, _ = os.ReadFile(path); strings.Contains(string(text), wanted) {
			return string(text)
		}
	}
	t.Fatalf("%s: no %q in %s", path, wanted, text)
	return ""
}

func TestEveryLogIsKeptFromItsFirstLine(t *testing.T) {
	l, dir := kept(t)
	pipe, err := l.Child("kubelet", nil)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(pipe, "hello")
	l.Info("late")
	awaitText(t, dir+"/kubelet.log", `"text":"hello"`)
	awaitText(t, dir+"/init.log", `"ev":"late"`)
	for _, name := range []string{"init.log", "kubelet.log"} {
		ram, _ := os.ReadFile(filepath.Join(l.dir, name))
		disk, _ := os.ReadFile(filepath.Join(dir, name))
		if string(ram) != string(disk) {
			t.Errorf("%s: %s in RAM, %s on the disk", name, ram, disk)
		}
	}
}

func TestAnOrderlyEndIsTheLastThingThatIsKept(t *testing.T) {
	l, dir := kept(t)
	l.Info("last")
	if err := l.Settle("power-off"); err != nil {
		t.Fatal(err)
	}
	l.Info("after")
	if err := l.Settle("power-off"); err != nil {
		t.Error(err)
	}
	text, _ := os.ReadFile(dir + "/init.log")
	if !strings.Contains(string(text), `"ev":"last"`) || strings.Contains(string(text), "after") {
		t.Errorf("%s", text)
	}
	var r hostlogs.Record
	record, _ := os.ReadFile(dir + "/boot.json")
	if err := json.Unmarshal(record, &r); err != nil || r.V != 1 || r.BootID != "b" || r.Version != "1" || r.Kernel != "6" || r.End != "power-off" {
		t.Errorf("%s: %v", record, err)
	}
	if zero, ok := r.Zero(); !ok || l.steps.bootedAt().Sub(zero).Abs() > time.Millisecond {
		t.Errorf("%s", record)
	}
}

func TestABootThatWasNotSettledDidNotEndInOrder(t *testing.T) {
	l, dir := kept(t)
	l.Error("x")
	awaitText(t, dir+"/init.log", `"ev":"x"`)
	if boots, err := hostlogs.List(filepath.Dir(dir)); err != nil || len(boots) != 1 || boots[0].Ordered() || boots[0].BootID != "b" {
		t.Errorf("%+v %v", boots, err)
	}
}

func TestTheRecordFollowsTheClock(t *testing.T) {
	l, dir := kept(t)
	machine := l.now
	l.now = func() stamp { s := machine(); s.wall = s.wall.Add(24 * time.Hour); return s }
	l.Info("x")
	awaitText(t, dir+"/boot.json", `"bootedAt":"`+l.bootedAt()+`"`)
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	l, dir := kept(t)
	for i := range 200 {
		l.Info("x", "number", i)
	}
	awaitText(t, dir+"/init.log", `"number":199`)
	for _, file := range hostlogs.Files("init") {
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Size() > limit {
			t.Errorf("%s: %v %v", file, info, err)
		}
	}
}

func TestAPartitionThatTakesNothingIsToldOnceAndMissesAreCounted(t *testing.T) {
	l, dir := kept(t)
	awaitText(t, dir+"/init.log", `"ev":"early"`)
	os.Mkdir(dir+"/kubelet.log", 0o755) // as good as a disk that fails
	file, err := l.openFile("kubelet")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		file.write([]byte("x\n"))
		awaitText(t, l.dir+"/init.log", `"ev":"logs.unkept","code":"KIOS_INIT_LOGS"`)
		if i == 0 {
			time.Sleep(20 * time.Millisecond) // so that it fails again and again
		}
	}
	os.Remove(dir + "/kubelet.log")
	file.write([]byte("last\n"))
	awaitText(t, dir+"/kubelet.log", "lines are missing here")
	file.write([]byte("again\n"))
	awaitText(t, dir+"/kubelet.log", "again")
	if text, _ := os.ReadFile(l.dir + "/init.log"); strings.Count(string(text), "logs.unkept") != 1 {
		t.Errorf("%s", text)
	}
}

func TestADiskThatHangsHoldsNobodyUp(t *testing.T) {
	free := make(chan struct{})
	hung := &hungOutput{free: free}
	var file *logFile
	kept(t, func(l *Log) {
		var err error
		if file, err = l.openFile("kubelet"); err != nil {
			t.Fatal(err)
		}
		file.kept = &rotating{limit: 1 << 30, file: hung, disk: realDisk}
	})
	line := []byte(strings.Repeat("x", 999) + "\n")
	begin := time.Now()
	for range 1000 {
		file.write(line)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	file.mu.Lock()
	held, lost := len(file.pending), file.lost
	file.mu.Unlock()
	if held > pendingLimit || lost == 0 {
		t.Errorf("%d bytes held, %d lines lost", held, lost)
	}
	close(free)
	for end := time.Now().Add(10 * time.Second); !hung.has("lines are missing here"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the loss is not told")
		}
	}
}

// hungOutput is a disk that takes nothing until free is closed.
type hungOutput struct {
	free chan struct{}
	mu   sync.Mutex
	text strings.Builder
}

func (h *hungOutput) Write(p []byte) (int, error) {
	<-h.free
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(p)
}

func (h *hungOutput) has(text string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Contains(h.text.String(), text)
}

func (h *hungOutput) Close() error { return nil }
func (h *hungOutput) Sync() error  { return nil }

func TestWithoutAPartitionNothingWaits(t *testing.T) {
	l, err := Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Info("early")
	l.KeepNone()
	l.Info("late")
	if lines, lost := l.events.take(); len(lines) != 0 || lost != 0 {
		t.Errorf("%s, %d lost", lines, lost)
	}
	if err := l.Settle("reboot"); err != nil {
		t.Error(err)
	}
}

func TestAFolderThatCannotBeMadeIsToldOnce(t *testing.T) {
	l, err := Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Keep(Keeping{filepath.Join(t.TempDir(), "none"), limit, hostlogs.Record{}})
	awaitText(t, l.dir+"/init.log", `"ev":"logs.unkept"`)
	if err := l.Settle("reboot"); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
