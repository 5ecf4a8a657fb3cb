package modprobe

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/testvector"
)

// TestMain is the program under another name when a test executes it as one.
func TestMain(m *testing.M) {
	if os.Getenv("KIOS_TEST_EXECUTED") != "" {
		if Called() {
			os.Exit(Command(os.Args))
		}
		os.Exit(100)
	}
	os.Exit(m.Run())
}

type vector struct {
	Table    []string            `json:"table"`
	Requests map[string][]string `json:"requests"`
}

// machine is a machine with a table, of which some modules are loaded.
type machine struct {
	loader
	inserted []string
	notes    []string
}

func newMachine(t *testing.T, fail map[string]error, live ...string) *machine {
	t.Helper()
	dir := t.TempDir()
	m := &machine{}
	table := strings.Join(testvector.Read[vector](t, "module-requests.json").Table, "\n") + "\n"
	if err := os.WriteFile(dir+"/table", []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range live {
		if err := os.MkdirAll(dir+"/loaded/"+name, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/loaded/"+name+"/initstate", []byte("live\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m.loader = loader{dir + "/table", "/m", dir + "/loaded", func(file string) error {
		m.inserted = append(m.inserted, strings.TrimPrefix(file, "/m/"))
		return fail[filepath.Base(file)]
	}, func(line string) { m.notes = append(m.notes, line) }}
	return m
}

// ask calls the program as the kernel does, with an argv[0] that a pod chose.
func (m *machine) ask(request string) int { return m.serve([]string{"/x/y", "-q", "--", request}) }

func TestARequestLoadsWhatTheTableNamesAndNothingElse(t *testing.T) {
	for request, want := range testvector.Read[vector](t, "module-requests.json").Requests {
		m := newMachine(t, nil)
		code := m.ask(request)
		if !slices.Equal(m.inserted, want) || (code == exitOK) != (len(want) > 0) || len(m.notes) != min(len(want), 1) {
			t.Errorf("%q: code %d, inserted %q, said %q, want %q", request, code, m.inserted, m.notes, want)
		}
	}
}

func TestLoadedModulesAreNotInsertedAgain(t *testing.T) {
	m := newMachine(t, nil, "sunrpc", "lockd")
	if code := m.ask("fs-nfs4"); code != exitOK || !slices.Equal(m.inserted, []string{"kernel/fs/nfs/nfs.ko"}) {
		t.Errorf("code %d, inserted %q", code, m.inserted)
	}
	if want := []string{"loaded nfs for fs-nfs4"}; !slices.Equal(m.notes, want) {
		t.Errorf("said %q", m.notes)
	}
	m = newMachine(t, nil, "dm_snapshot")
	if code := m.ask("dm-snapshot"); code != exitOK || m.inserted != nil || m.notes != nil {
		t.Errorf("code %d, inserted %q, said %q", code, m.inserted, m.notes)
	}
}

func TestTheFirstFailureEndsTheLoad(t *testing.T) {
	m := newMachine(t, map[string]error{"lockd.ko": unix.EKEYREJECTED})
	if code := m.ask("nfs"); code != exitRefused || len(m.inserted) != 2 {
		t.Errorf("code %d, inserted %q", code, m.inserted)
	}
	if want := []string{"cannot load lockd for nfs: " + unix.EKEYREJECTED.Error()}; !slices.Equal(m.notes, want) {
		t.Errorf("said %q", m.notes)
	}
}

func TestAModuleOfModulesErofsIsRefusedInSilenceWhereThatIsNotMounted(t *testing.T) {
	m := newMachine(t, map[string]error{"raid0.ko": unix.ENOENT})
	if code := m.ask("md-level-0"); code != exitRefused || m.notes != nil {
		t.Errorf("code %d, said %q", code, m.notes)
	}
}

func TestOnlyTheKernelsWordsAreAnswered(t *testing.T) {
	for _, args := range [][]string{
		nil, {"modprobe"}, {"modprobe", "nfs"}, {"modprobe", "-q", "nfs"}, {"modprobe", "-q", "--"},
		{"modprobe", "-q", "--", "nfs", "nfs"}, {"modprobe", "-r", "--", "nfs"}, {"modprobe", "-q", "-r", "nfs"},
		{"/sbin/request-key", "create", "1", "0", "0", "0", "0", "0"},
		{"mount", "-t", "tmpfs", "tmpfs", "/tmp"},
	} {
		m := newMachine(t, nil)
		if code := m.serve(args); code != exitRefused || m.inserted != nil || m.notes != nil {
			t.Errorf("%q: code %d, inserted %q, said %q", args, code, m.inserted, m.notes)
		}
	}
}

func TestWithoutATableEverythingIsRefused(t *testing.T) {
	m := newMachine(t, nil)
	m.table += ".missing"
	if code := m.ask("nfs"); code != exitRefused {
		t.Errorf("code %d", code)
	}
}

// executedAs runs this program by a link of that name, with no environment of its own but the mark, without files.
func executedAs(t *testing.T, name string, args ...string) int {
	t.Helper()
	link := filepath.Join(t.TempDir(), name)
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, link)
	}
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Cmd{Path: link, Args: args, Env: []string{"KIOS_TEST_EXECUTED=1"}}
	if err := command.Run(); err != nil && command.ProcessState == nil {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode()
}

func TestTheNameThatWasExecutedDecidesNotTheArguments(t *testing.T) {
	for _, args := range [][]string{{"mount"}, {"/bin/init"}, {"/init"}, {""}, {}, {"mount", "-t", "tmpfs", "a", "/nowhere"}} {
		if code := executedAs(t, Name, args...); code != exitRefused {
			t.Errorf("modprobe with %q ended with %d", args, code)
		}
	}
	if code := executedAs(t, "mount", "modprobe", "-q", "--", "nfs"); code != 100 {
		t.Errorf("mount that calls itself modprobe ended with %d", code)
	}
}

func TestNodesAreMadeOnce(t *testing.T) {
	nodes, err := nodesOf(strings.Join(testvector.Read[vector](t, "module-requests.json").Table, "\n"))
	if err != nil || !slices.Equal(nodes, []node{{"vhost-net", unix.Mkdev(10, 238)}}) {
		t.Errorf("%v: %v", nodes, err)
	}
	for _, line := range []string{"node a 1", "node a b 1", "node a 1 b", "node a 1 1048576", "node a -1 1", "node"} {
		if nodes, err := nodesOf("ask a b\n" + line + "\nnode ok 10 1\n"); err == nil || len(nodes) != 1 {
			t.Errorf("%q: %v, %v", line, nodes, err)
		}
	}
	if os.Getuid() != 0 {
		t.Skip("making nodes needs root")
	}
	dir := t.TempDir()
	table := filepath.Join(dir, "table")
	if err := os.WriteFile(table, []byte("node vfio/vfio 10 196\nnode null 1 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := MakeNodes(table, dir); err != nil {
			t.Fatal(err)
		}
	}
	var found unix.Stat_t
	if err := unix.Stat(dir+"/vfio/vfio", &found); err != nil || found.Mode != unix.S_IFCHR|0o600 || found.Rdev != unix.Mkdev(10, 196) {
		t.Errorf("mode %o, device %x: %v", found.Mode, found.Rdev, err)
	}
	if err := MakeNodes(table+".missing", dir); err != nil {
		t.Errorf("without a table: %v", err)
	}
	if err := MakeNodes(table, table); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("without a folder: %v", err)
	}
}
