package seed

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/testdisk"
	"kios.dev/init/internal/testvector"
)

// put makes files below a folder; a name with a slash at its end is a folder.
func put(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			os.MkdirAll(path, 0o755)
		} else if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestInitKnowsTheNamesOfTheFolderForPeople(t *testing.T) {
	want := testvector.Read[struct {
		Files   []string
		Folders map[string][]string
		NoCloud []string
	}](t, "boot-folder.json")
	names := map[string][]string{}
	for _, name := range want.Files {
		names[strings.ToLower(name)] = nil
	}
	maps.Copy(names, want.Folders)
	if !maps.EqualFunc(names, known, slices.Equal) {
		t.Errorf("%v, want %v", known, names)
	}
	if !slices.Equal(want.NoCloud, noCloudFiles) {
		t.Errorf("%v, want %v", noCloudFiles, want.NoCloud)
	}
}

func TestWhatMeansNothingIsNamed(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"all that there may be", map[string]string{"README.txt": "", "BOOTSTRAP.YAML": "", "dhcp.yaml": "", "network.yaml": "", "token": "", "manifests/a.yaml": "", "manifests/b.YML": "", "manifests/c.json": "", "manifests/d.manifest": ""}, nil},
		{"an ending that Windows hides", map[string]string{"bootstrap.yaml.txt": ""}, []string{"bootstrap.yaml.txt"}},
		{"files of other systems", map[string]string{".DS_Store": "", "._bootstrap.yaml": "", "manifests/._a.yaml": ""}, nil},
		{"a file in the folder of pods that is none", map[string]string{"manifests/notes.txt": "", "manifests/a.yaml": ""}, []string{"manifests/notes.txt"}},
		{"a folder in the place of a file", map[string]string{"bootstrap.yaml/": ""}, []string{"bootstrap.yaml"}},
		{"a file in the place of a folder", map[string]string{"manifests": ""}, []string{"manifests"}},
	} {
		folder := t.TempDir()
		put(t, folder, c.files)
		if got, err := unknownIn(folder); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
}

// lines keeps the events with their fields.
type lines struct{ said []string }

func (l *lines) Info(event string, fields ...any) { l.said = append(l.said, fmt.Sprint(event, fields)) }
func (l *lines) Warn(event string, fields ...any) { l.Info(event, fields...) }

func TestALineNamesAFewOfManyFiles(t *testing.T) {
	folder := t.TempDir()
	for i := range 20 {
		put(t, folder, map[string]string{fmt.Sprintf("x%02d", i): ""})
	}
	var log lines
	reportUnknown(folder, &log)
	if len(log.said) != 1 || !strings.Contains(log.said[0], "x07 and 12 more") || strings.Contains(log.said[0], "x08") {
		t.Error(log.said)
	}
}

func TestALineSaysHowTheFilesOfAFolderMustEnd(t *testing.T) {
	for file, want := range map[string]string{
		"manifests/a.yaml~": "no part of the node reads manifests/a.yaml~: a file in manifests must end in .yaml, .yml, .json or .manifest",
		"images/a.tar.gz":   "no part of the node reads images/a.tar.gz: a file in images must end in .tar",
		"wrong.yaml":        "no part of the node reads wrong.yaml",
	} {
		folder := t.TempDir()
		put(t, folder, map[string]string{file: ""})
		var log lines
		reportUnknown(folder, &log)
		if said := strings.Join(log.said, ""); !strings.Contains(said, want) || strings.Contains(said, want+":") {
			t.Errorf("%s: %s", file, said)
		}
	}
}

func TestNoCloudsFilesAtTheTopMakeASeed(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		there bool
		fails bool
	}{
		{"all three", map[string]string{"meta-data": "m", "user-data": "u", "network-config": "n"}, true, false},
		{"user data alone", map[string]string{"user-data": "u"}, true, false},
		{"nothing that makes one", map[string]string{"network-config": "n", "config.txt": "c"}, false, false},
		{"too much", map[string]string{"user-data": strings.Repeat("u", maxNoCloud+1)}, true, true},
		{"a folder in its place", map[string]string{"user-data/": ""}, true, true},
	} {
		from, to := t.TempDir(), filepath.Join(t.TempDir(), noCloud)
		put(t, from, c.files)
		there, err := takeNoCloud(from, to)
		if there != c.there || (err != nil) != c.fails {
			t.Errorf("%s: %v, %v", c.name, there, err)
		}
		for _, name := range noCloudFiles {
			content, _ := os.ReadFile(filepath.Join(to, name))
			if want := c.files[name]; there && !c.fails && string(content) != want {
				t.Errorf("%s: %s is %q, want %q", c.name, name, content, want)
			}
		}
		if _, err := os.Stat(to); (err == nil) != (c.there && !c.fails) {
			t.Errorf("%s: the folder: %v", c.name, err)
		}
	}
}

// A volume with the same label has precedence over the files at the top.
func TestOnlyTheFolderForPeopleIsShown(t *testing.T) {
	testdisk.Require(t)
	whole := t.TempDir()
	put(t, whole, map[string]string{"EFI/BOOT/BOOTX64.EFI": "MZ", "kios/bootstrap.yaml": "b", "kios/wrong.yaml": "w", "user-data": "u", "network-config": "# none\nnetwork: {}\n"})
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	for _, copies := range []bool{false, true} {
		var log lines
		showMounted(whole, "/dev/vda1", copies, &log)
		t.Cleanup(func() { unix.Unmount(BootDir, unix.MNT_DETACH) })
		said := strings.Join(log.said, "\n")
		if !strings.Contains(said, "seed.mounted[label boot") || !strings.Contains(said, "seed.unknown") || !strings.Contains(said, "wrong.yaml") {
			t.Errorf("it says %s", said)
		}
		if content, err := os.ReadFile(BootDir + "/bootstrap.yaml"); string(content) != "b" {
			t.Errorf("%q %v", content, err)
		}
		if shown, _ := os.ReadDir(BootDir); len(shown) != 2 {
			t.Errorf("shown: %v", shown)
		}
		if err := os.WriteFile(BootDir+"/bootstrap.yaml", nil, 0o644); !errors.Is(err, unix.EROFS) {
			t.Errorf("written: %v", err)
		}
		if content, _ := os.ReadFile(dir + "/cidata/user-data"); (string(content) == "u") != copies {
			t.Errorf("copied: %q", content)
		}
	}
}
